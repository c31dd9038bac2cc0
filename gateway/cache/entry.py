"""A stored answer, and how it answers again."""

import re
from hashlib import blake2b
from typing import Self

from starlette.types import Message, Send

from gateway.cache.key import Key
from gateway.cache.terms import Terms
from gateway.headers import ENCODED_PART, NOT_REPEATED, Fields, HeaderBlock, HeaderList
from gateway.upstream.head import HOP_BY_HOP

DEFAULT_CONTROL = b"public, max-age=0, must-revalidate"
"""A client asks again each time, and mostly hears that nothing has changed; so it sees a purge."""

_NOT_KEPT = HOP_BY_HOP | NOT_REPEATED
_OF_A_304 = frozenset({b"age", b"cache-control", b"content-location", b"etag", b"vary"})
"""RFC 9110, 15.4.5."""

_TAG = re.compile(rb'(?:W/)?("[^"]*")')
_BYTES_OF_AN_ENTRY = 1300
_BYTES_OF_A_HEADER = 170
"""What Python's objects take around the bytes that they hold; a test compares."""


class Entry:
    """An answer under its full key, and the fields of a request by which it `varies`.

    `expires_at` is in the clock's seconds, `size` in bytes.
    """

    __slots__ = (
        "_age",
        "_body",
        "_constant",
        "_etag",
        "_headers",
        "_length",
        "_start",
        "_stored_at",
        "expires_at",
        "key",
        "size",
        "varies",
    )

    def __init__(
        self, key: Key, terms: Terms, headers: HeaderList, body: bytes, now: float
    ) -> None:
        self.key = key
        self.varies = terms.varies
        self.expires_at = now + terms.seconds
        headers = [field for field in headers if field[0] not in _NOT_KEPT]
        given = dict(headers)
        self._etag = given.get(b"etag") or _tag_of(body)
        headers = [
            (b"age", b"0"),
            *headers,
            *((name, value) for name, value in self._defaults() if name not in given),
        ]
        self._age = 0
        self._stored_at = now
        self._body = body
        self._headers = headers
        self._length = [one for one in headers if one[0] == b"content-length"]
        self._constant = HeaderBlock([one for one in headers[1:] if one[0] != b"content-length"])
        self._start = self._started()
        self.size = (
            _BYTES_OF_AN_ENTRY
            + len(body)
            + sum(len(name) + len(value) + _BYTES_OF_A_HEADER for name, value in headers)
            + sum(len(part) for part in key if part is not None)
        )

    def _defaults(self) -> HeaderList:
        return [(b"etag", self._etag), (b"cache-control", DEFAULT_CONTROL)]

    def at(self, now: float) -> Self:
        """The entry as it is `now`: with its age in seconds (RFC 9111, 5.1)."""
        age = int(now - self._stored_at)
        if age != self._age:
            self._age = age
            self._headers = [(b"age", b"%d" % age), *self._headers[1:]]
            self._start = self._started()
        return self

    def _started(self) -> Message:
        """What a whole answer begins with."""
        return {
            "type": "http.response.start",
            "status": 200,
            "headers": self._headers,
            ENCODED_PART: (self._constant, [self._headers[0], *self._length]),
        }

    async def answer(self, method: str, fields: Fields, send: Send) -> None:
        """Answer a GET or HEAD: 304 when the client has this very answer (RFC 9110, 13.1.2).

        What is sent first is the entry's own, not to be changed.
        """
        start, body = self._start, self._body
        known = fields.get(b"if-none-match")
        if known is not None and self._is_among(known):
            headers = [one for one in self._headers if one[0] in _OF_A_304]
            start = {"type": "http.response.start", "status": 304, "headers": headers}
            body = b""
        elif method == "HEAD":
            body = b""
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _is_among(self, known: bytes) -> bool:
        """Weakly compared: a client that holds what is as good as ours needs no other."""
        etag = self._etag
        if known in (etag, b"*"):
            return True
        return etag.removeprefix(b"W/") in _TAG.findall(known)


def _tag_of(body: bytes) -> bytes:
    return b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode()
