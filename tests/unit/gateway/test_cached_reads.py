"""The short cache in its place: what it repeats leaves the gateway as every answer does."""

import pytest

from tests.support.caching import Posts
from tests.support.gateway import ORIGIN, TOKEN, everywhere, gateway
from tests.unit.gateway.client import client_of

POSTS = "/api/posts"
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def test_an_anonymous_read_is_repeated_and_one_with_a_token_is_not() -> None:
    posts = Posts()
    async with client_of(gateway(everywhere(posts))) as client:
        for _ in range(2):
            assert (await client.get(POSTS)).text == "version 1"
        posts.version = 2
        assert (await client.get(POSTS, headers=BEARER)).text == "version 2"
        assert (await client.get(POSTS)).text == "version 1"
    assert posts.asked == 2


@pytest.mark.parametrize("path", ["/api/posts/1", "/api/posts/1/comments", "/api/search?q=x"])
async def test_all_that_everybody_may_read_is_repeated(path: str) -> None:
    posts = Posts()
    async with client_of(gateway(everywhere(posts))) as client:
        for method in ("GET", "HEAD", "GET"):
            await client.request(method, path)
    assert posts.asked == 1


async def test_what_is_repeated_has_the_headers_of_its_own_request() -> None:
    async with client_of(gateway(everywhere(Posts()))) as client:
        first = await client.get(POSTS, headers={"x-request-id": "one"})
        etag = first.headers["etag"]
        second = await client.get(
            POSTS, headers={"x-request-id": "two", "origin": ORIGIN, "if-none-match": etag}
        )
        third = await client.get(POSTS, headers={"x-request-id": "three"})
    assert [one.status_code for one in (first, second, third)] == [200, 304, 200]
    assert [one.headers["x-request-id"] for one in (first, second, third)] == [
        "one",
        "two",
        "three",
    ]
    assert second.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in third.headers
    for one in (first, second, third):
        assert one.headers["x-content-type-options"] == "nosniff"
        assert one.headers["cache-control"] == "public, max-age=0, must-revalidate"
        assert "origin" in one.headers["vary"].lower()


async def test_a_bad_token_is_refused_though_the_answer_is_known() -> None:
    async with client_of(gateway(everywhere(Posts()))) as client:
        await client.get(POSTS)
        assert (await client.get(POSTS, headers={"authorization": "Bearer x"})).status_code == 401
