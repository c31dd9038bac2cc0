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

_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"expect", b"content-length"}
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def listed(values: bytes) -> set[bytes]:
    """The lower-case members of a comma-separated field."""
    return {part.strip().lower() for part in values.split(b",")}


class RequestHead:
    """A request's head: its bytes, how its body is framed, and whether it may be sent twice."""

    __slots__ = ("bytes", "chunked", "has_body", "is_head", "is_idempotent", "target")

    def __init__(self, scope: Scope, host: bytes) -> None:
        headers = scope["headers"]
        fields = dict(headers)
        self.chunked = b"transfer-encoding" in fields
        length = fields.get(b"content-length")
        dropped = _NOT_FORWARDED
        if (connection := fields.get(b"connection")) is not None and connection != b"keep-alive":
            dropped = _NOT_FORWARDED | listed(connection)
        method = scope["method"]
        self.is_head = method == "HEAD"
        # A client that sends the same key twice gets the same answer twice
        self.is_idempotent = method in _IDEMPOTENT or b"idempotency-key" in fields
        self.has_body = self.chunked or (length is not None and length != b"0")
        target = scope["raw_path"]
        if query := scope["query_string"]:
            target += b"?" + query
        self.target = target
        lines = [b"%s %s HTTP/1.1\r\nhost: %s" % (method.encode(), target, host)]
        lines += [b"%s: %s" % field for field in headers if field[0] not in dropped]
        if self.chunked:
            lines.append(b"transfer-encoding: chunked")
        elif length is not None:
            lines.append(b"content-length: " + length)
        lines.append(b"\r\n")
        self.bytes = b"\r\n".join(lines)
