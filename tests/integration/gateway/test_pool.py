"""How many connections there are, who waits for one, and when nobody tries any more."""

import asyncio

import pytest

from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from tests.integration.gateway.support import Peer, connected, proxying, scripted
from tests.support.gateway import CLOCK

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def slow(peer: Peer) -> None:
    while True:
        await peer.request()
        await asyncio.sleep(0.2)
        await peer.say(OK)


async def status(port: int) -> int:
    async with connected(port) as client:
        await client.send()
        return (await client.answer()).status


async def test_requests_wait_their_turn_when_every_connection_is_taken() -> None:
    async with (
        scripted(slow) as upstream,
        proxying(upstream.url, Limits(connections=2)) as port,
    ):
        statuses = await asyncio.gather(*(status(port) for _ in range(6)))
    assert statuses == [200] * 6
    assert upstream.connections == 2


async def test_who_waits_too_long_for_a_connection_gets_a_503() -> None:
    limits = Limits(connections=1, queue=0.1)
    async with scripted(slow) as upstream, proxying(upstream.url, limits) as port:
        statuses = await asyncio.gather(*(status(port) for _ in range(3)))
    assert sorted(statuses) == [200, 503, 503]


async def test_no_more_may_wait_than_the_queue_holds() -> None:
    limits = Limits(connections=1, waiting=1)
    async with scripted(slow) as upstream, proxying(upstream.url, limits) as port:
        statuses = await asyncio.gather(*(status(port) for _ in range(4)))
    assert sorted(statuses) == [200, 200, 503, 503]


async def test_a_place_that_a_broken_connection_leaves_goes_to_who_waits() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.1)
        if peer.number > 1:
            await peer.say(OK)

    async with (
        scripted(script) as upstream,
        proxying(upstream.url, Limits(connections=1)) as port,
    ):
        statuses = await asyncio.gather(*(status(port) for _ in range(2)))
    assert sorted(statuses) == [200, 502]


async def test_a_waiter_that_gives_up_in_the_moment_of_its_turn_passes_it_on() -> None:
    async with scripted(slow) as upstream:
        origin = Origin.of(upstream.url)
        pool = Pool("content", origin, Limits(connections=1), CLOCK)
        first = await pool.open()
        waiting = asyncio.ensure_future(pool.open())
        await asyncio.sleep(0)
        pool.give_back(first)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert pool.take() is first
        await pool.close()


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.closed()
        closed.set()

    async with (
        scripted(script) as upstream,
        proxying(upstream.url, Limits(idle=0.2)) as port,
    ):
        assert await status(port) == 200
        async with asyncio.timeout(1):
            await closed.wait()


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://content:8002", b"content:8002"),
        ("http://content", b"content"),
        ("https://content.example", b"content.example"),
        ("https://content.example:8443", b"content.example:8443"),
        ("http://[::1]:8002", b"[::1]:8002"),
    ],
)
def test_the_host_header_names_the_upstream(url: str, authority: bytes) -> None:
    assert Origin.of(url).authority == authority
