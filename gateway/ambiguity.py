"""Requests that two programs could read differently are read by none: they are refused."""

from string import ascii_letters, digits

from starlette.types import Scope

from gateway.headers import Fields
from shared.errors import Malformed

_SINGLE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"origin",
        b"transfer-encoding",
        b"x-api-key",
    }
)

_IN_A_HOST = (ascii_letters + digits + "-._~!$&'()*+,;=%:[]").encode()
"""RFC 3986, 3.2.2: names and addresses, and the port's colon."""


def refuse_ambiguous(scope: Scope, fields: Fields) -> None:
    """Raise `Malformed` for a repeated field of which one program might take the first and another
    the last, for a body of which they might see different ends (RFC 9112, 6.1 and 6.3), and for no
    host, or one that is none (3.2); the connection is closed, since what follows might not be a
    request."""
    if len(fields) != len(scope["headers"]):
        names = [name for name, _ in scope["headers"]]
        for name in _SINGLE:
            if names.count(name) > 1:
                raise _malformed(f"There is more than one {name.decode()!r} header.")
    host = fields.get(b"host")
    if host is None:
        if scope["http_version"] != "1.0":
            raise _malformed("There is no Host.")
    elif host.translate(None, _IN_A_HOST):
        raise _malformed("The Host is neither a name nor an address.")
    encoding = fields.get(b"transfer-encoding")
    if encoding is None:
        return
    if b"content-length" in fields:
        raise _malformed("There is both a Content-Length and a Transfer-Encoding.")
    if encoding.lower() != b"chunked":
        raise _malformed("The only Transfer-Encoding accepted here is 'chunked'.")


def _malformed(detail: str) -> Malformed:
    return Malformed(detail, headers={"connection": "close"})
