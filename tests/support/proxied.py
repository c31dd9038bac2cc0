"""The gateway in both topologies in front of one app: in its own process, or over a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.runtime.http_server import HttpServer, bind
from tests.integration.gateway.support import Answered
from tests.support.gateway import CLOCK, TOKEN, everywhere, gateway

PATIENCE = 5.0


class Seen(msgspec.Struct, frozen=True):
    """A request as the service got it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]


@dataclass(slots=True)
class Service:
    """An app that does what the last segment of the path says, and echoes the rest."""

    seen: list[Seen] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def forget(self) -> None:
        self.seen.clear()
        self.begun.clear()
        self.left.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.set()
        answer = getattr(self, "_" + scope["path"].rpartition("/")[2].replace("-", "_"), self._echo)
        await answer(scope, receive, send)

    async def _echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        seen = _seen(scope, body)
        self.seen.append(seen)
        await whole(send, 200, msgspec.json.encode(seen))

    async def _slow(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.2)
        await self._echo(scope, receive, send)

    async def _waits(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    async def _streams(self, scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 200)
        for piece in (b"one ", b"two ", b"three"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": b""})

    async def _endless(self, scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 200)
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await self._waits(scope, receive, send)

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 204)
        await send({"type": "http.response.body", "body": b""})

    async def _unchanged(self, scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 304, (b"etag", b'"x"'))
        await send({"type": "http.response.body", "body": b""})

    async def _refuses(self, scope: Scope, receive: Receive, send: Send) -> None:
        await whole(send, 403, b"no")

    async def _breaks(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = [(b"content-length", b"1000")] if scope["query_string"] == b"sized" else []
        await start(send, 200, *length)
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
        await asyncio.sleep(0.05)
        raise ConnectionError("the service ends here")

    async def _injects(self, scope: Scope, receive: Receive, send: Send) -> None:
        await whole(send, 200, b"", (b"x-note", b"a\r\nset-cookie: evil=1"))


def _seen(scope: Scope, body: bytes) -> Seen:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    fields = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
    return Seen(scope["method"], target.decode(), fields, body.decode("latin-1"))


async def start(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def whole(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await start(send, status, (b"content-length", b"%d" % len(body)), *headers)
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[tuple[int, set[object]]]:
    """`app` as our processes serve it; the port, and the connections that are open."""
    started = asyncio.Event()
    with bind("127.0.0.1", 0) as bound:
        server = HttpServer(app, 1.0, started.set)
        running = asyncio.get_running_loop().create_task(server.serve([bound]))
        await started.wait()
        try:
            connections = cast("set[object]", server.server_state.connections)
            yield bound.getsockname()[1], connections
        finally:
            server.should_exit = True
            await running


@dataclass(frozen=True, slots=True, repr=False)
class Door:
    """A gateway's port, the service behind it, and the connections of its clients."""

    port: int
    service: Service
    connections: set[object]

    @asynccontextmanager
    async def client(self) -> AsyncIterator["RawClient"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            yield RawClient(reader, writer)
        finally:
            writer.close()

    async def says(self, data: bytes) -> list["RawAnswer"]:
        """Every answer to `data` until the gateway closes the connection."""
        async with self.client() as client:
            client.writer.write(data)
            return await client.answers()


@asynccontextmanager
async def embedded() -> AsyncIterator[Door]:
    """The service is called in the gateway's process."""
    service = Service()
    async with served(gateway(everywhere(service))) as (port, connections):
        yield Door(port, service, connections)


@asynccontextmanager
async def split() -> AsyncIterator[Door]:
    """The service is behind a socket."""
    service = Service()
    async with served(service) as (behind, _):
        pool = Pool("content", Origin.of(f"http://127.0.0.1:{behind}"), Limits(), CLOCK)
        try:
            async with served(gateway(everywhere(Proxy(pool)))) as (port, connections):
                yield Door(port, service, connections)
        finally:
            await pool.close()


class CutOff(Exception):  # noqa: N818 - reads as what happened
    """The connection was closed in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class RawAnswer(Answered):
    """An answer, and its body without the framing."""

    @property
    def seen(self) -> Seen:
        return msgspec.json.decode(self.body, type=Seen)

    @property
    def code(self) -> str:
        return str(msgspec.json.decode(self.body)["code"])


@dataclass(frozen=True, slots=True)
class RawClient:
    """Says exactly what it is told, and reads answers as RFC 9112 has them."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self, method: str = "GET") -> RawAnswer:
        """The next answer; raises `CutOff` when it ends in its middle, EOFError without one."""
        async with asyncio.timeout(PATIENCE):
            return await self._answer(method)

    async def answers(self) -> list[RawAnswer]:
        """All of them until the connection is closed."""
        found = []
        while True:
            try:
                found.append(await self.answer())
            except (EOFError, ConnectionResetError):
                return found

    async def is_closed(self) -> bool:
        """Whether the gateway closes the connection, rather than saying more."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def _answer(self, method: str) -> RawAnswer:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                raise CutOff from cut
            raise EOFError from None
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        parts = [line.partition(": ") for line in lines]
        fields = [(name, value) for name, _, value in parts]
        status = int(first.split()[1])
        try:
            body = await self._body(dict(fields), method, status)
        except (asyncio.IncompleteReadError, ConnectionResetError) as cut:
            raise CutOff from cut
        return RawAnswer(status, fields, body)

    async def _body(self, fields: dict[str, str], method: str, status: int) -> bytes:
        if method == "HEAD" or status in (204, 304) or status < 200:
            return b""
        if fields.get("transfer-encoding") == "chunked":
            return await self._chunks()
        if (length := fields.get("content-length")) is not None:
            return await self.reader.readexactly(int(length))
        return await self.reader.read()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body


def request(target: str, *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """A request's bytes, with a host and a good token."""
    head = [f"{method} {target} HTTP/1.1", "host: gate", f"authorization: Bearer {TOKEN}", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
