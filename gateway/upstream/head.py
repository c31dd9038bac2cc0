"""The head of a request on its way to an upstream, and what does not travel past a proxy."""

from starlette.types import Scope

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110, 7.6.1, and the field lists of its predecessors."""

OF_THE_GATEWAY = frozenset(
    {
        b"traceparent",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
    }
)
"""What the gateway tells an upstream about each request; a client cannot have it left out by naming
it in its `Connection`."""

_KEY = b"idempotency-key"
_OURS = HOP_BY_HOP | {b"host", b"expect", b"content-length"}
"""What every connection states for itself."""
_LOOKED_AT = _OURS | {_KEY}
_REQUEST_LINE = 6
"""Parts before the first header."""
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def listed(values: bytes) -> set[bytes]:
    """The lower-case members of a comma-separated field."""
    return {part.strip().lower() for part in values.split(b",")}


class RequestHead:
    """A request's head: its bytes, how its body is framed, and whether it may be sent twice."""

    __slots__ = ("bytes", "chunked", "has_body", "is_head", "is_idempotent", "target")

    def __init__(self, scope: Scope, host: bytes) -> None:
        method, target = scope["method"], scope["raw_path"]
        if query := scope["query_string"]:
            target += b"?" + query
        self.target = target
        parts = [method.encode(), b" ", target, b" HTTP/1.1\r\nhost: ", host, b"\r\n"]
        found = {}
        for name, value in scope["headers"]:
            if name in _LOOKED_AT:
                found[name] = value
            else:
                parts += (name, b": ", value, b"\r\n")
        if (connection := found.get(b"connection")) is not None and connection != b"keep-alive":
            named = listed(connection) - OF_THE_GATEWAY
            parts = _without(named, parts)
            if _KEY in named:
                found.pop(_KEY, None)
        length, key = found.get(b"content-length"), found.get(_KEY)
        self.chunked = b"transfer-encoding" in found
        self.has_body = self.chunked or (length is not None and length != b"0")
        self.is_head = method == "HEAD"
        # A client that sends the same key twice gets the same answer twice
        self.is_idempotent = method in _IDEMPOTENT or key is not None
        if key is not None:
            parts += (_KEY, b": ", key, b"\r\n")
        if self.chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        elif length is not None:
            parts += (b"content-length: ", length, b"\r\n")
        parts.append(b"\r\n")
        self.bytes = b"".join(parts)


def _without(names: set[bytes], parts: list[bytes]) -> list[bytes]:
    """The parts of a head but for the lines of these names; four parts make a line."""
    kept = parts[:_REQUEST_LINE]
    for at in range(_REQUEST_LINE, len(parts), 4):
        if parts[at] not in names:
            kept += parts[at : at + 4]
    return kept
