"""Requests that two programs could read differently are read by none: they are refused."""

from gateway.cors import Fields, HeaderList
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
    }
)


def refuse_ambiguous(headers: HeaderList, fields: Fields) -> None:
    """Raise `Malformed` for a repeated field of which one program might take the first and another
    the last, and for a body of which they might see different ends (RFC 9112, 6.1 and 6.3)."""
    if len(fields) != len(headers):
        names = [name for name, _ in headers]
        for name in _SINGLE:
            if names.count(name) > 1:
                raise Malformed(f"There is more than one {name.decode()!r} header.")
    encoding = fields.get(b"transfer-encoding")
    if encoding is None:
        return
    if b"content-length" in fields:
        raise Malformed("There is both a Content-Length and a Transfer-Encoding.")
    if encoding.lower() != b"chunked":
        raise Malformed("The only Transfer-Encoding accepted here is 'chunked'.")
