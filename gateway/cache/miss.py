"""A request on its way to the upstream, for itself and for whoever asks the same meanwhile."""

import asyncio
from collections.abc import Callable

from starlette.types import Message, Send

from gateway.cache.entry import Entry
from gateway.cache.terms import Terms, terms_of
from gateway.headers import Fields, HeaderList

Keep = Callable[[Terms, HeaderList, bytes], Entry]
"""Makes an entry of a whole answer, and stores it."""


class Miss:
    """Holds an answer that may be repeated back until it is whole; any other passes at once.

    Whoever waits for it waits until `is_decided`, and then finds an `entry`, or none, and whether
    the request `is_given_up` by its client. `number` is that of the last purge before it `began`.
    """

    __slots__ = (
        "_body",
        "_fields",
        "_headers",
        "_keep",
        "_longest",
        "_send",
        "_start",
        "_terms",
        "began",
        "entry",
        "has_answered",
        "is_decided",
        "is_given_up",
        "number",
    )

    def __init__(
        self,
        number: int,
        began: float,
        longest: float,
        fields: Fields,
        send: Send,
        keep: Keep,
    ) -> None:
        self.number = number
        self.began = began
        self.is_decided = asyncio.Event()
        self.is_given_up = self.has_answered = False
        self.entry: Entry | None = None
        self._longest = longest
        self._fields = fields
        self._send = send
        self._keep = keep
        self._start: Message = {}
        self._terms: Terms | None = None
        self._headers: HeaderList = []
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """What the upstream is given to answer to."""
        if message["type"] == "http.response.start" and not self._start:
            self._start = message
            self._headers = [(name.lower(), value) for name, value in message.get("headers", [])]
            self._terms = terms_of(message["status"], self._headers, self._longest)
            if self._terms is None:
                await self._pass(message)
        elif self._terms is None:
            await self._send(message)
        else:
            await self._gather(self._terms, message)

    async def _gather(self, terms: Terms, message: Message) -> None:
        self._body += message.get("body", b"")
        length = len(self._body)
        if message.get("more_body", False) and length <= terms.length:
            return
        body = bytes(self._body)
        if length != terms.length:  # for the server to refuse
            self._terms = None
            await self._pass(self._start)
            await self._send({**message, "body": body})
            return
        self.entry = self._keep(terms, self._headers, body)
        self.is_decided.set()
        self.has_answered = True
        await self.entry.answer("GET", self._fields, self._send)

    async def _pass(self, start: Message) -> None:
        self.is_decided.set()
        self.has_answered = True
        await self._send(start)
