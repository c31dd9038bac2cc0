"""Real servers for the tests of the gateway: one that follows a script, and uvicorn."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.runtime.http_server import HttpServer, bind
from tests.support.gateway import CLOCK, TOKEN, everywhere, gateway

Script = Callable[["Peer"], Awaitable[None]]


@dataclass(slots=True)
class Peer:
    """One connection that the gateway made to the scripted upstream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def head(self) -> bytes:
        """A request's head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> tuple[bytes, bytes]:
        """A request's head and its body, of known length or chunked (as it came)."""
        head = await self.head()
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length: "):
                return head, await self.reader.readexactly(int(line.split()[1]))
            if line == b"transfer-encoding: chunked":
                return head, await self.reader.readuntil(b"0\r\n\r\n")
        return head, b""

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def closed(self) -> None:
        """Return once the gateway has closed the connection."""
        while await self._read():
            pass

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""


@dataclass(slots=True)
class Upstream:
    """A server that follows a script on each connection."""

    url: str = ""
    connections: int = 0
    failures: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def scripted(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """An upstream that runs `script` for each connection and then closes it."""
    upstream = Upstream()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.connections += 1
        try:
            await script(Peer(reader, writer, upstream.connections))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except AssertionError as failure:
            upstream.failures.append(failure)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    upstream.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
    assert upstream.failures == []


def answering(*answers: bytes) -> Script:
    """A script that gives these answers to the requests of a connection, in order."""

    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.say(answer)

    return script


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    """uvicorn as our processes run it; the port."""
    started = asyncio.Event()
    with bind("127.0.0.1", 0) as bound:
        server = HttpServer(app, 1.0, started.set)
        running = asyncio.get_running_loop().create_task(server.serve([bound]))
        await started.wait()
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def proxying(url: str, limits: Limits | None = None) -> AsyncIterator[int]:
    """The gateway in front of the upstream at `url`; the port."""
    pool = Pool("content", Origin.of(url), limits or Limits(), CLOCK)
    try:
        async with serving(gateway(everywhere(Proxy(pool)))) as port:
            yield port
    finally:
        await pool.close()


class Client:
    """A client that says exactly what it is told, byte by byte."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._token = token

    async def send(
        self, method: str = "GET", path: str = "/api/videos", *lines: str, body: bytes = b""
    ) -> None:
        head = [
            f"{method} {path} HTTP/1.1",
            "host: gate",
            f"authorization: Bearer {self._token}",
            *lines,
        ]
        self.writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await self.writer.drain()

    async def answer(self) -> "Answered":
        """An answer of known length, or without a body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        parts = [line.partition(": ") for line in lines]
        fields = [(name, value) for name, _, value in parts]
        length = int(dict(fields).get("content-length", 0))
        return Answered(int(status.split()[1]), fields, await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """Everything until the gateway closes the connection."""
        return await self.reader.read()


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known == name]


@asynccontextmanager
async def connected(port: int, token: str = TOKEN) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        yield Client(reader, writer, token)
    finally:
        writer.close()
