"""A change is seen at once: what was stored is gone, what was asked for before is not kept."""

import asyncio

import pytest

from gateway.cache.purging import PURGING, purging
from shared.messaging.in_process import InProcessBroker
from tests.support.caching import Posts, a_cache, behind
from tests.support.messaging import envelope_of, eventually, running
from tests.unit.gateway.client import client_of

POSTS = "/api/posts"


@pytest.mark.parametrize("event_type", PURGING)
async def test_an_event_purges_before_it_counts_as_handled(event_type: str) -> None:
    posts, cache, broker = Posts(), a_cache(), InProcessBroker()
    broker.subscribe(purging(cache))
    async with running(broker), client_of(behind(cache, posts)) as client:
        await eventually(lambda: cache.purges == 1)  # listening has begun
        await client.get(POSTS)
        posts.version = 2
        await broker.publish(envelope_of(1, event_type))
        assert (await client.get(POSTS)).text == "version 2"
    assert cache.purges == 2


async def test_what_was_stored_before_listening_began_is_gone() -> None:
    posts, cache, broker = Posts(), a_cache(), InProcessBroker()
    broker.subscribe(purging(cache))
    async with client_of(behind(cache, posts)) as client:
        await client.get(POSTS)
        posts.version = 2
        async with running(broker):
            await eventually(lambda: cache.purges == 1)
            assert (await client.get(POSTS)).text == "version 2"


async def test_an_answer_from_before_a_purge_is_given_to_those_who_asked_before_it_alone() -> None:
    posts, cache = Posts(), a_cache()
    posts.may_answer.clear()
    app = behind(cache, posts)

    async def get() -> str:
        async with client_of(app) as client:
            return (await client.get(POSTS)).text

    async with asyncio.TaskGroup() as tasks:
        before = [tasks.create_task(get()) for _ in range(3)]
        await asyncio.sleep(0.01)
        posts.version = 2
        cache.purge()
        after = [tasks.create_task(get()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert posts.asked == 2
        posts.may_answer.set()
    assert [task.result() for task in before] == ["version 1"] * 3
    assert [task.result() for task in after] == ["version 2"] * 3
    assert await get() == "version 2"
    assert posts.asked == 2


async def test_an_answer_from_before_a_purge_is_not_kept() -> None:
    posts, cache = Posts(), a_cache()
    posts.may_answer.clear()
    async with client_of(behind(cache, posts)) as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(client.get(POSTS))
        await asyncio.sleep(0.01)
        cache.purge()
        posts.may_answer.set()
    assert cache.bytes == 0
