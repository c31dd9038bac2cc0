"""Hostile bytes from either side, over real sockets: an answer or a closed connection, never a
fault of ours, never a wait without end, and nothing left open."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings

from gateway.upstream.breaker import Breaker
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from tests.integration.gateway.support import Peer, scripted
from tests.support.gateway import CLOCK, TOKEN, everywhere, gateway
from tests.support.mutations import hostile, pieces
from tests.support.proxied import CutOff, Door, RawClient, embedded, request, served, split
from tests.unit.gateway.test_connection import ANSWERS

ECHO = "/api/videos/echo"
REQUESTS = [
    request(ECHO, "connection: close"),
    request(f"{ECHO}?a=1&b=%20", "x-note: a", "cookie: a=b"),
    request(ECHO, "content-length: 5", method="POST", body=b"hello"),
    request(
        ECHO, "transfer-encoding: chunked", method="PUT", body=b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    ),
    request(ECHO, "content-length: 5", "expect: 100-continue", method="POST", body=b"hello"),
    request("http://gate/api/posts/1", "origin: https://app.example"),
    request("/api/posts", method="OPTIONS"),
    request("/nowhere") + request("/api/videos/nothing", method="DELETE"),
    request(ECHO) + request("/api/videos/streams") + request(ECHO, "connection: close"),
    b"GET / HTTP/1.0\r\n\r\n",
]


@dataclass(slots=True)
class Hostile:
    """A gateway in front of an upstream that says whatever a test gives it."""

    port: int
    pool: Pool
    parts: list[bytes] = field(default_factory=list)

    async def quiet(self) -> bool:
        """Whether no connection is in use, and nobody waits for one."""
        pool = self.pool
        return await soon(lambda: pool.connections == pool.idle and pool.waiting == 0)


async def soon(is_so: Callable[[], bool]) -> bool:
    for _ in range(200):
        if is_so():
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.fixture(scope="module")
async def upstream() -> AsyncIterator[Hostile]:
    async with in_front_of_hostile() as found:
        yield found


@asynccontextmanager
async def in_front_of_hostile() -> AsyncIterator[Hostile]:
    async def script(peer: Peer) -> None:
        await peer.request()
        for part in found.parts:
            await peer.say(part)
            await asyncio.sleep(0)

    async with scripted(script) as behind:
        pool = Pool("content", Origin.of(behind.url), Limits(silence=2), CLOCK)
        try:
            async with served(gateway(everywhere(Proxy(pool)))) as (port, _):
                found = Hostile(port, pool)
                yield found
        finally:
            await pool.close()


@given(pieces(hostile(ANSWERS)))
@settings(deadline=None)
async def test_no_answer_of_an_upstream_makes_the_gateway_fail(
    upstream: Hostile, parts: list[bytes]
) -> None:
    upstream.parts = parts
    upstream.pool.breaker = Breaker(CLOCK)
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    client = RawClient(reader, writer)
    writer.write(request(ECHO, "connection: close"))
    try:
        answer = await client.answer()
        assert answer.status != 500 or b" 500" in b"".join(parts)
        assert await client.is_closed()
    except CutOff:  # it had begun well
        pass
    finally:
        writer.close()
    assert await upstream.quiet()


@pytest.fixture(scope="module", params=[embedded, split], ids=["embedded", "split"])
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    async with request.param() as found:
        yield found


@given(pieces(hostile(REQUESTS)))
@settings(deadline=None)
async def test_no_request_makes_the_gateway_fail(door: Door, parts: list[bytes]) -> None:
    for status in await said(door, parts):
        assert status in range(200, 500) or status in (100, 501, 503, 505)
    (answer,) = await door.says(request(ECHO, "connection: close"))
    assert answer.seen.headers.count(("authorization", f"Bearer {TOKEN}")) == 1
    assert await soon(lambda: not door.connections)


async def said(door: Door, parts: list[bytes]) -> list[int]:
    """The statuses of what comes back, until it closes or waits for more."""
    statuses: list[int] = []
    async with door.client() as client:
        try:
            for part in parts:
                client.writer.write(part)
                await asyncio.sleep(0)
            while True:
                async with asyncio.timeout(0.05):
                    statuses.append((await client.answer()).status)
        except (CutOff, EOFError, TimeoutError, ConnectionError):
            return statuses
