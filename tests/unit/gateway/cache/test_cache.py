"""What is answered from the cache, and what passes by it."""

import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway.cache.cache import Cache
from gateway.cache.entry import DEFAULT_CONTROL
from gateway.cache.terms import MAX_BODY_BYTES
from tests.support.caching import SECONDS, Posts, a_cache, behind
from tests.support.clock import MovableClock
from tests.unit.gateway.client import client_of

POSTS = "/api/posts"


def asking(posts: Posts, cache: Cache | None = None) -> httpx.AsyncClient:
    return client_of(behind(cache or a_cache(), posts))


async def test_an_answer_is_repeated_and_counted() -> None:
    posts, cache = Posts(), a_cache()
    async with asking(posts, cache) as client:
        answers = [await client.get(POSTS) for _ in range(3)]
    assert [one.text for one in answers] == ["version 1"] * 3
    assert (posts.asked, cache.misses, cache.hits) == (1, 1, 2)
    assert cache.bytes > 0


async def test_an_answer_is_repeated_for_so_long_and_tells_its_age() -> None:
    posts, clock = Posts(), MovableClock()
    async with asking(posts, a_cache(clock=clock)) as client:
        assert (await client.get(POSTS)).headers["age"] == "0"
        posts.version = 2
        clock.advance(SECONDS - 0.1)
        late = await client.get(POSTS)
        assert (late.text, late.headers["age"]) == ("version 1", "4")
        clock.advance(0.1)
        assert (await client.get(POSTS)).text == "version 2"


async def test_the_time_that_the_upstream_took_is_part_of_the_age() -> None:
    clock = MovableClock()
    posts = Posts()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(3)
        await posts(scope, receive, send)

    async with client_of(behind(a_cache(clock=clock), slow)) as client:
        assert (await client.get(POSTS)).headers["age"] == "3"
        clock.advance(2)
        await client.get(POSTS)
    assert posts.asked == 2


async def test_zero_seconds_switch_the_cache_off() -> None:
    posts = Posts()
    async with asking(posts, a_cache(seconds=0)) as client:
        assert [(await client.get(POSTS)).status_code for _ in range(2)] == [200, 200]
    assert posts.asked == 2


@pytest.mark.parametrize(
    "own",
    [
        {"authorization": "Bearer x"},
        {"cookie": "session=1"},
        {"x-api-key": "x"},
        {"range": "bytes=0-1"},
        {"if-range": '"x"'},
        {"if-match": '"x"'},
        {"if-unmodified-since": "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"content-length": "0"},
        {"transfer-encoding": "chunked"},
    ],
)
async def test_what_tells_who_asks_or_asks_for_a_part_neither_reads_nor_fills_the_cache(
    own: dict[str, str],
) -> None:
    posts, cache = Posts(), a_cache()
    async with asking(posts, cache) as client:
        await client.get(POSTS, headers=own)
        assert cache.bytes == 0
        await client.get(POSTS)
        posts.version = 2
        assert (await client.get(POSTS, headers=own)).text == "version 2"
        assert (await client.get(POSTS)).text == "version 1"
    for name in own:
        assert name.encode() in dict(posts.saw[0]["headers"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_what_is_no_read_passes_by(method: str) -> None:
    posts = Posts()
    async with asking(posts) as client:
        await client.get(POSTS)
        await client.request(method, POSTS)
    assert posts.asked == 2


@pytest.mark.parametrize(
    "header",
    [
        (b"set-cookie", b"session=1"),
        (b"Set-Cookie", b"session=1"),
        (b"cache-control", b"private"),
        (b"cache-control", b"no-store"),
        (b"vary", b"X-User"),
    ],
)
async def test_an_answer_for_one_client_is_not_kept(header: tuple[bytes, bytes]) -> None:
    posts, cache = Posts(header), a_cache()
    async with asking(posts, cache) as client:
        for _ in range(2):
            answer = await client.get(POSTS)
            assert answer.headers[header[0].decode()] == header[1].decode()
    assert (posts.asked, cache.bytes) == (2, 0)


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_an_error_is_not_kept(status: int) -> None:
    posts = Posts(status=status)
    async with asking(posts) as client:
        assert (await client.get(POSTS)).status_code == status
        assert (await client.get(POSTS)).status_code == status
    assert posts.asked == 2


async def test_paths_queries_hosts_and_schemes_are_kept_apart() -> None:
    posts = Posts()
    addresses = [
        "http://gate/api/posts",
        "http://gate/api/posts/1",
        "http://gate/api/posts?page=1",
        "http://gate/api/posts?page=2",
        "http://gate/api/posts%3Fpage=1",
        "http://other/api/posts",
        "https://gate/api/posts",
    ]
    async with asking(posts) as client:
        for _ in range(2):
            for address in addresses:
                await client.get(address)
    assert posts.asked == len(addresses)


async def test_a_trailing_slash_makes_no_difference() -> None:
    posts = Posts()
    async with asking(posts) as client:
        await client.get("/api/posts/")
        await client.get("/api/posts")
    assert posts.asked == 1


async def test_an_endless_query_passes_by() -> None:
    posts, cache = Posts(), a_cache()
    async with asking(posts, cache) as client:
        await client.get(POSTS, params={"q": "x" * 4000})
    assert (posts.asked, cache.bytes) == (1, 0)


async def test_an_answer_is_repeated_to_those_alone_for_whom_it_varies() -> None:
    posts = Posts((b"vary", b"Accept-Language"))
    async with asking(posts) as client:
        for language in ("de", "ko", "de", "ko"):
            answer = await client.get(POSTS, headers={"accept-language": language})
            assert answer.headers["vary"] == "Accept-Language"
    assert posts.asked == 2


async def test_a_repeated_field_passes_by_since_one_may_read_the_first_and_one_the_last() -> None:
    posts, cache = Posts((b"vary", b"Accept-Language")), a_cache()
    async with asking(posts, cache) as client:
        twice = [("accept-language", "de"), ("accept-language", "ko")]
        await client.get(POSTS, headers=twice)
    assert (posts.asked, cache.bytes) == (1, 0)


async def test_a_field_that_goes_no_further_does_not_tell_what_an_answer_varies_by() -> None:
    posts = Posts((b"vary", b"accept-language"))
    korean = {"accept-language": "ko"}
    async with asking(posts) as client:
        await client.get(POSTS, headers={**korean, "connection": "close, accept-language"})
        posts.version = 2
        assert (await client.get(POSTS, headers=korean)).text == "version 2"


async def test_a_head_is_answered_from_what_a_get_left_but_leaves_nothing() -> None:
    posts = Posts()
    async with asking(posts) as client:
        await client.head(POSTS)
        got = await client.get(POSTS)
        head = await client.head(POSTS)
    assert posts.asked == 2
    assert head.content == b""
    assert head.headers == got.headers


async def test_what_a_head_says_is_no_answer_to_a_get() -> None:
    async def sloppy(scope: Scope, receive: Receive, send: Send) -> None:
        body = b"" if scope["method"] == "HEAD" else b"ok"
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async with client_of(behind(a_cache(), sloppy)) as client:
        await client.head(POSTS)
        assert (await client.get(POSTS)).text == "ok"


async def test_what_belongs_to_one_request_is_not_repeated() -> None:
    posts = Posts((b"x-request-id", b"abc"), (b"date", b"today"), (b"connection", b"close"))
    async with asking(posts) as client:
        await client.get(POSTS)
        repeated = await client.get(POSTS)
    assert not {"x-request-id", "date", "connection"} & repeated.headers.keys()


async def test_an_answer_that_says_nothing_tells_clients_to_ask_each_time() -> None:
    async with asking(Posts()) as client:
        for _ in range(2):
            answer = await client.get(POSTS)
            assert answer.headers["cache-control"] == DEFAULT_CONTROL.decode()


async def test_what_the_upstream_says_to_clients_is_kept() -> None:
    posts = Posts((b"cache-control", b"max-age=60"), (b"etag", b'W/"1"'))
    async with asking(posts) as client:
        for _ in range(2):
            answer = await client.get(POSTS)
            assert answer.headers.get_list("cache-control") == ["max-age=60"]
            assert answer.headers.get_list("etag") == ['W/"1"']


async def test_a_large_answer_passes_as_it_comes() -> None:
    begun: list[int] = []

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        length = MAX_BODY_BYTES + 1
        headers = [(b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        begun.append(length)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b"x" * (length - 1)})

    cache = a_cache()
    async with client_of(behind(cache, large)) as client:
        async with client.stream("GET", POSTS) as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b"x"
        assert len((await client.get(POSTS)).content) == MAX_BODY_BYTES + 1
    assert (cache.bytes, len(begun)) == (0, 2)


async def test_an_answer_that_does_not_end_where_it_should_is_not_gathered() -> None:
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await ended.wait()

    async with (
        client_of(behind(a_cache(), endless)) as client,
        client.stream("GET", POSTS) as answer,
    ):
        assert await anext(answer.aiter_raw()) == b"abc"
        ended.set()


async def test_an_answer_of_another_length_than_announced_is_left_to_the_server() -> None:
    for pieces in ([b"abc"], [b"a"], [b"abc", b"d"]):
        sent = []

        async def wrong(
            scope: Scope, receive: Receive, send: Send, pieces: list[bytes] = pieces
        ) -> None:
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for number, body in enumerate(pieces, start=1):
                more = number < len(pieces)
                await send({"type": "http.response.body", "body": body, "more_body": more})

        cache = a_cache()
        async with client_of(behind(cache, wrong)) as client:
            sent.append((await client.get(POSTS)).content)
        assert sent == [b"".join(pieces)]
        assert cache.bytes == 0
