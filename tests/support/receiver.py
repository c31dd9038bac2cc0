"""A receiver of webhooks on this machine, which answers as a test wants it to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The id of what was delivered."""
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        """What was told."""
        return dict(json.loads(self.body))


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """Listens at `port`; takes the next of `answers`, or else says 204."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    at_once: int = 0
    """How many requests it has had in hand at the same time, at most."""
    _in_hand: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._in_hand += 1
        self.at_once = max(self.at_once, self._in_hand)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                self.received.append(await _read(reader))
                answer = self.answers.pop(0) if self.answers else says(204)
                await answer(writer)
                await writer.drain()
        finally:
            self._in_hand -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(first.split()[1], headers, body)


def says(status: int, **headers: str) -> Answer:
    """An answer without a body; `retry_after="5"` is a header."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}content-length: 0\r\n\r\n".encode())

    return answer


def raw(content: bytes) -> Answer:
    """These bytes, whatever they are."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    return answer


def endless(head: bytes, piece: bytes) -> Answer:
    """A head, and then pieces without an end."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return answer


def waits(until: asyncio.Event) -> Answer:
    """Nothing until then, and 204."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await until.wait()
        await says(204)(writer)

    return answer


@asynccontextmanager
async def receiving(
    tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    """A receiver, until the end of the block."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
