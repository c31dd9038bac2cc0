"""The short cache promises the same in front of an app of this process and of a service's address,
and hears of changes by either broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cache.cache import Cache
from gateway.cache.purging import PURGING, purging
from gateway.cache.terms import MAX_BODY_BYTES
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.clock import SystemClock
from shared.messaging.broker import Broker
from shared.messaging.in_process import InProcessBroker
from shared.messaging.rabbitmq import RabbitMQBroker
from tests.integration.gateway.support import serving
from tests.support.caching import MAX_BYTES, Posts, behind
from tests.support.messaging import envelope_of, eventually, running
from tests.unit.gateway.client import client_of

POSTS = "/api/posts"
LONG = 300.0
"""Seconds, so that nothing ends in these tests but by a purge."""


@pytest.fixture(params=["in-process", "proxied"])
def kind(request: pytest.FixtureRequest) -> str:
    """Where the upstream is."""
    return str(request.param)


@asynccontextmanager
async def cached(kind: str, app: ASGIApp) -> AsyncIterator[tuple[httpx.AsyncClient, Cache]]:
    """A client of `app` with the cache between, and the cache."""
    cache = Cache(LONG, MAX_BYTES, SystemClock())
    if kind == "in-process":
        async with client_of(behind(cache, app)) as client:
            yield client, cache
        return
    async with serving(app) as port:
        pool = Pool("content", Origin.of(f"http://127.0.0.1:{port}"), Limits(), SystemClock())
        try:
            async with client_of(behind(cache, Proxy(pool))) as client:
                yield client, cache
        finally:
            await pool.close()


async def test_an_answer_is_repeated_until_a_purge(kind: str) -> None:
    posts = Posts()
    async with cached(kind, posts) as (client, cache):
        for _ in range(2):
            assert (await client.get(POSTS)).text == "version 1"
        posts.version = 2
        cache.purge()
        answer = await client.get(POSTS)
        assert (answer.text, answer.headers["content-length"]) == ("version 2", "9")
        assert (await client.head(POSTS)).headers["content-length"] == "9"
        known = {"if-none-match": answer.headers["etag"]}
        assert (await client.get(POSTS, headers=known)).status_code == 304
    assert posts.asked == 2


async def test_identical_misses_are_one_request(kind: str) -> None:
    posts = Posts()
    posts.may_answer.clear()
    async with cached(kind, posts) as (client, cache), asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(client.get(POSTS)) for _ in range(20)]
        await eventually(lambda: posts.asked == 1)
        await asyncio.sleep(0.05)
        posts.may_answer.set()
        await asyncio.wait(asking)
        assert (posts.asked, cache.misses) == (1, 1)
        assert {task.result().text for task in asking} == {"version 1"}


async def test_what_has_a_cookie_is_kept_by_nobody(kind: str) -> None:
    posts = Posts((b"set-cookie", b"session=1"))
    async with cached(kind, posts) as (client, cache):
        await client.get(POSTS)
        client.cookies.clear()
        await client.get(POSTS)
    assert (posts.asked, cache.bytes) == (2, 0)


async def test_a_stream_passes_as_it_comes(kind: str) -> None:
    more = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await more.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async with cached(kind, stream) as (client, cache):
        async with client.stream("GET", POSTS) as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b"first"
            more.set()
            assert await anext(pieces) == b"last"
        assert cache.bytes == 0


@pytest.mark.parametrize("excess", [0, 1])
async def test_an_answer_as_large_as_may_be_is_kept_and_a_larger_one_passes(
    kind: str, excess: int
) -> None:
    asked = 0

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        body = b"x" * (MAX_BODY_BYTES + excess)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(body), 10_000):
            piece = body[start : start + 10_000]
            more = start + 10_000 < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    async with cached(kind, large) as (client, cache):
        for _ in range(2):
            assert len((await client.get(POSTS)).content) == MAX_BODY_BYTES + excess
        assert (asked, cache.bytes > 0) == (1 + excess, not excess)


async def test_a_part_is_asked_for_of_the_upstream(kind: str) -> None:
    posts = Posts()
    async with cached(kind, posts) as (client, _):
        await client.get(POSTS)
        await client.get(POSTS, headers={"range": "bytes=0-1"})
    assert posts.asked == 2


async def test_a_failure_is_explained_to_each_and_not_kept(kind: str) -> None:
    posts = Posts(status=503)
    async with cached(kind, posts) as (client, cache):
        for _ in range(2):
            assert (await client.get(POSTS)).status_code == 503
        posts.status = 200
        assert (await client.get(POSTS)).status_code == 200
    assert cache.misses == 3


async def test_when_the_first_client_leaves_others_have_their_answer(kind: str) -> None:
    posts = Posts()
    posts.may_answer.clear()
    async with cached(kind, posts) as (client, cache), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.get(POSTS))
        await eventually(lambda: posts.asked == 1)
        others = [tasks.create_task(client.get(POSTS)) for _ in range(5)]
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.wait([first])
        posts.may_answer.set()
        await asyncio.wait(others)
        assert {task.result().text for task in others} == {"version 1"}
        assert cache.misses <= 2


@pytest.fixture(params=["in-process", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Both kinds in turn."""
    if request.param == "in-process":
        return InProcessBroker()
    return RabbitMQBroker(request.getfixturevalue("amqp_url"), name="tests")


async def test_a_change_is_seen_once_its_event_has_been_heard(broker: Broker) -> None:
    posts, cache = Posts(), Cache(LONG, MAX_BYTES, SystemClock())
    broker.subscribe(purging(cache))
    async with running(broker), client_of(behind(cache, posts)) as client:
        await eventually(lambda: cache.purges == 1)  # listening has begun
        for version, event_type in enumerate(PURGING, start=2):
            await client.get(POSTS)
            posts.version = version
            await broker.publish(envelope_of(version, event_type))
            await eventually(lambda: cache.bytes == 0, seconds=5)
            assert (await client.get(POSTS)).text == f"version {version}"
    assert cache.purges == 1 + len(PURGING)
