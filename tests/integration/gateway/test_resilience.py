"""An upstream in trouble is left alone, and its requests are told so at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from tests.integration.gateway.support import (
    Answered,
    Client,
    Peer,
    Script,
    Upstream,
    answering,
    connected,
    scripted,
    serving,
)
from tests.support.clock import MovableClock
from tests.support.gateway import everywhere, gateway

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class World:
    """A gateway in front of an upstream in trouble, and a clock that stands still."""

    port: int
    pool: Pool
    upstream: Upstream
    clock: MovableClock

    async def ask(self, path: str = "/api/videos") -> Answered:
        async with connected(self.port) as client:
            await client.send("GET", path)
            return await client.answer()

    async def statuses(self, times: int, path: str = "/api/videos") -> list[int]:
        return [(await self.ask(path)).status for _ in range(times)]


@asynccontextmanager
async def world(script: Script, limits: Limits | None = None) -> AsyncIterator[World]:
    clock = MovableClock()
    async with scripted(script) as upstream:
        pool = Pool("content", Origin.of(upstream.url), limits or Limits(), clock)
        try:
            async with serving(gateway(everywhere(Proxy(pool)))) as port:
                yield World(port, pool, upstream, clock)
        finally:
            await pool.close()


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.closed()


async def always(peer: Peer, answer: bytes = OK) -> None:
    while True:
        await peer.request()
        await peer.say(answer)


@pytest.mark.parametrize(
    ("script", "status"),
    [(answering(b"no HTTP\r\n\r\n"), 502), (answering(b""), 502), (silent, 504)],
    ids=["garbage", "closed", "silence"],
)
async def test_an_upstream_that_connects_and_never_answers_is_left_alone(
    script: Script, status: int
) -> None:
    async with world(script, Limits(silence=0.1)) as found:
        assert await found.statuses(7) == [status] * 5 + [503] * 2
        assert found.upstream.connections == 5
        assert (found.pool.breaker.state, found.pool.refused) == ("open", 2)
        assert (await found.ask()).all("retry-after") == ["2"]


async def test_a_probe_lets_everybody_in_again() -> None:
    well = asyncio.Event()

    async def script(peer: Peer) -> None:
        await (always(peer) if well.is_set() else peer.say(b"no HTTP\r\n\r\n"))

    async with world(script) as found:
        assert await found.statuses(6) == [502] * 5 + [503]
        found.clock.advance(2)
        assert await found.statuses(2) == [502, 503]
        well.set()
        assert await found.statuses(1) == [503]
        found.clock.advance(2)
        assert await found.statuses(3) == [200] * 3
        assert (found.pool.breaker.state, found.pool.breaker.opened) == ("closed", 2)


async def test_only_one_request_at_a_time_is_the_probe() -> None:
    answer = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number > 5:
            await answer.wait()
            await peer.say(OK)

    async with world(script) as found:
        await found.statuses(5)
        found.clock.advance(2)
        probe = asyncio.ensure_future(found.ask())
        while found.upstream.connections < 6:
            await asyncio.sleep(0.01)
        assert await found.statuses(3) == [503] * 3
        answer.set()
        assert (await probe).status == 200


async def test_answers_that_are_errors_are_answers() -> None:
    async with world(lambda peer: always(peer, BUSY)) as found:
        assert await found.statuses(20) == [503] * 20
        assert found.pool.breaker.state == "closed"


async def test_one_slow_endpoint_shuts_nobody_out_of_the_others() -> None:
    async def script(peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            if b"slow" not in head:
                await peer.say(OK)

    async with world(script, Limits(silence=0.3)) as found:
        slow = [asyncio.ensure_future(found.ask("/api/videos/slow")) for _ in range(20)]
        while not all(one.done() for one in slow):
            assert await found.statuses(1) == [200]
            await asyncio.sleep(0.02)
        assert {one.result().status for one in slow} == {504}
        assert found.pool.breaker.state == "closed"


async def test_clients_that_do_not_finish_their_requests_accuse_nobody() -> None:
    async with world(Peer.closed, Limits(silence=0.1)) as found:
        for _ in range(6):
            async with connected(found.port) as client:
                await client.send("POST", "/api/posts", "content-length: 9", body=b"half")
                assert (await client.answer()).status == 408
            async with connected(found.port) as client:
                await client.send()
        assert found.pool.breaker.state == "closed"


async def test_an_upstream_that_kills_every_second_request_does_not_get_twice_the_load() -> None:
    asked = 0

    async def script(peer: Peer) -> None:
        nonlocal asked
        await peer.request()
        asked += 1
        await peer.say(OK)
        await peer.request()
        asked += 1

    async with world(script) as found:
        statuses = await found.statuses(200)
    assert 40 <= asked - 200 <= 0.2 * 200 + 10
    assert 200 - asked + statuses.count(200) + statuses.count(502) <= 200
    assert set(statuses) <= {200, 502}


async def test_who_finds_too_many_waiting_is_sent_away_before_its_body_has_come() -> None:
    async with world(silent, Limits(connections=1, waiting=1, queue=3)) as found:
        async with connected(found.port) as first, connected(found.port) as second:
            await asks(first, found)
            await asks(second, found)
            async with connected(found.port) as third:
                lines = ("content-length: 1000", "expect: 100-continue")
                await third.send("POST", "/api/posts", *lines)
                answer = await third.answer()
        assert (answer.status, answer.all("retry-after")) == (503, ["3"])
        assert (found.pool.shed, found.pool.connections) == (1, 1)


async def asks(client: Client, found: World) -> None:
    """Send a request that holds a connection, or waits for one."""
    before = found.upstream.connections + found.pool.waiting
    await client.send()
    while found.upstream.connections + found.pool.waiting == before:
        await asyncio.sleep(0.01)


async def test_those_who_wait_are_told_as_soon_as_the_upstream_is_given_up() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.2)

    async with world(script, Limits(connections=5, queue=30)) as found:
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(found.ask() for _ in range(30)))
        failed = sum(answer.status == 502 for answer in answers)
        assert failed == found.upstream.connections < 10  # four took a place before the fifth died
        assert sum(answer.status == 503 for answer in answers) == 30 - failed
