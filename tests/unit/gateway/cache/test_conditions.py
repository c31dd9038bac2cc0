"""A client that has the answer already is told so (RFC 9110, 13)."""

import pytest

from tests.support.caching import Posts, a_cache, behind
from tests.support.clock import MovableClock
from tests.unit.gateway.client import client_of

POSTS = "/api/posts"
TAG = (b"etag", b'"one"')


async def test_a_tag_of_our_own_is_strong_and_that_of_the_content() -> None:
    posts, cache = Posts(), a_cache()
    async with client_of(behind(cache, posts)) as client:
        first = (await client.get(POSTS)).headers["etag"]
        assert first.startswith('"')
        assert first.endswith('"')
        cache.purge()
        assert (await client.get(POSTS)).headers["etag"] == first
        cache.purge()
        posts.version = 2
        assert (await client.get(POSTS)).headers["etag"] != first


@pytest.mark.parametrize(
    "known", ['"one"', 'W/"one"', "*", '"two", "one"', '"two",W/"one"', '"a,b" , "one"']
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_that_has_the_answer_hears_that_it_has_not_changed(
    known: str, method: str
) -> None:
    posts = Posts(TAG, (b"vary", b"Origin"))
    async with client_of(behind(a_cache(), posts)) as client:
        await client.get(POSTS)
        answer = await client.request(method, POSTS, headers={"if-none-match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    assert dict(answer.headers) == {
        "age": "0",
        "cache-control": "public, max-age=0, must-revalidate",
        "etag": '"one"',
        "vary": "Origin",
    }
    assert posts.asked == 1


@pytest.mark.parametrize("known", ['"two"', '"on"', "one", '"two", W/"three"', "", '"x\\"one"'])
async def test_a_client_that_has_another_answer_gets_the_present_one(known: str) -> None:
    async with client_of(behind(a_cache(), Posts(TAG))) as client:
        await client.get(POSTS)
        answer = await client.get(POSTS, headers={"if-none-match": known})
    assert (answer.status_code, answer.text) == (200, "version 1")


async def test_that_nothing_has_changed_tells_its_age_too() -> None:
    clock = MovableClock()
    async with client_of(behind(a_cache(clock=clock), Posts(TAG))) as client:
        await client.get(POSTS)
        for age in ("1", "2"):
            clock.advance(1)
            answer = await client.get(POSTS, headers={"if-none-match": '"one"'})
            assert (answer.status_code, answer.headers["age"]) == (304, age)


async def test_a_weak_tag_of_the_upstream_serves_as_well() -> None:
    async with client_of(behind(a_cache(), Posts((b"etag", b'W/"one"')))) as client:
        for known in ('W/"one"', '"one"'):
            answer = await client.get(POSTS, headers={"if-none-match": known})
            assert answer.status_code == 304
            assert answer.headers["etag"] == 'W/"one"'


async def test_the_upstream_is_asked_for_the_whole_answer_by_whoever_comes_first() -> None:
    posts = Posts(TAG)
    async with client_of(behind(a_cache(), posts)) as client:
        known = {"if-none-match": '"one"', "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT"}
        first = await client.get(POSTS, headers=known)
        second = await client.get(POSTS)
    assert (first.status_code, second.text) == (304, "version 1")
    assert posts.asked == 1
    assert not known.keys() & {name.decode() for name, _ in posts.saw[0]["headers"]}


async def test_a_condition_of_a_request_that_passes_by_is_the_upstreams_to_judge() -> None:
    posts = Posts(TAG)
    async with client_of(behind(a_cache(), posts)) as client:
        own = {"if-none-match": '"one"', "authorization": "Bearer x"}
        await client.get(POSTS, headers=own)
    assert dict(posts.saw[0]["headers"])[b"if-none-match"] == b'"one"'
