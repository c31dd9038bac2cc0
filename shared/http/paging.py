"""Keyset pages: a list continues after the last row seen, never at an offset.

A cursor is opaque to clients and signed, so that nobody can make one up.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec

from shared.errors import FieldError, Invalid

T = TypeVar("T")
_SIGNATURE_BYTES = 12


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query string of a list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100, description="Items a page.")] = 20
    cursor: Annotated[
        str, msgspec.Meta(max_length=500, description="`next_cursor` of the page before.")
    ] = ""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


class Cursors:
    """Makes and reads the cursors of one service; `secret` signs them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def encode(self, position: tuple[Any, ...]) -> str:
        """The sort key of the last row seen, as an opaque text."""
        body = msgspec.json.encode(position)
        return base64.urlsafe_b64encode(self._sign(body) + body).decode().rstrip("=")

    def decode(self, cursor: str, position: type[T]) -> T:
        """The sort key in `cursor`, typed as `position`; raises `Invalid` when it is not ours."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if hmac.compare_digest(signature, self._sign(body)):
                return msgspec.json.decode(body, type=position)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            pass
        message = "is not a cursor of this list; take next_cursor from the page before"
        raise Invalid(errors=(FieldError("cursor", message),))

    def after_id(self, query: PageQuery) -> UUID | None:
        """In a list that is ordered by id: that of the last row seen, None on the first page."""
        return self.decode(query.cursor, tuple[UUID])[0] if query.cursor else None

    def page(self, rows: list[T], limit: int, position: Callable[[T], tuple[Any, ...]]) -> Page[T]:
        """A page of `limit` rows; `rows` holds one more when there is a next page."""
        if len(rows) <= limit:
            return Page(rows, None)
        return Page(rows[:limit], self.encode(position(rows[limit - 1])))

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, hashlib.sha256)[:_SIGNATURE_BYTES]
