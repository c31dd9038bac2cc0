"""What every request through the gateway may rely on, whether the service it reaches lives in the
gateway's own process or behind a socket. Clients here are raw sockets.

What only an upstream behind a socket can do is in `tests/integration/gateway/`.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.gateway import TOKEN
from tests.support.proxied import CutOff, Door, embedded, request, split

ECHO = "/api/videos/echo"
CLOSE = "connection: close"


@pytest.fixture(scope="module", params=["embedded", "split"])
async def a_door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    async with (embedded if request.param == "embedded" else split)() as door:
        yield door


@pytest.fixture
def door(a_door: Door) -> Door:
    a_door.service.forget()
    return a_door


def head(first: str, *lines: str) -> bytes:
    return "\r\n".join([first, f"authorization: Bearer {TOKEN}", *lines, "", ""]).encode("latin-1")


# Bodies and their frames


async def test_a_request_arrives_as_it_was_sent(door: Door) -> None:
    target = "/api/videos/%ED%95%9C%20?q=%2F&r=a+b"
    (answer,) = await door.says(
        request(target, "x-note: \xfc", "content-length: 2", CLOSE, method="PATCH", body=b"hi")
    )
    seen = answer.seen
    assert (seen.method, seen.target, seen.body) == ("PATCH", target, "hi")
    assert seen.all("x-note") == ["\xfc"]
    assert seen.all("authorization") == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize(
    "body",
    [
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"5;name=value\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nx-trailer: 1\r\nx-request-id: 2\r\n\r\n",
    ],
    ids=["chunks", "an extension", "trailers"],
)
async def test_a_chunked_body_arrives_without_its_frame(door: Door, body: bytes) -> None:
    lines = ("transfer-encoding: chunked", CLOSE)
    (answer,) = await door.says(request(ECHO, *lines, method="POST", body=body))
    assert answer.seen.body == "hello"
    assert answer.seen.all("x-trailer") == answer.seen.all("content-length") == []
    assert answer.seen.all("x-request-id") != ["2"]


async def test_an_answer_of_unknown_length_comes_in_chunks(door: Door) -> None:
    (answer,) = await door.says(request("/api/videos/streams", CLOSE))
    assert answer.body == b"one two three"
    assert answer.all("transfer-encoding") == ["chunked"]
    assert answer.all("content-length") == []


async def test_an_answer_begins_before_its_end_is_known(door: Door) -> None:
    async with door.client() as client:
        client.writer.write(request("/api/videos/endless"))
        async with asyncio.timeout(2):
            assert (await client.reader.readuntil(b"begun")).startswith(b"HTTP/1.1 200")


async def test_head_is_answered_like_get_without_its_body(door: Door) -> None:
    async with door.client() as client:
        client.writer.write(request(ECHO, method="HEAD") + request(ECHO))
        answer = await client.answer("HEAD")
        assert answer.status == 200
        assert answer.all("content-length") != []
        assert (await client.answer()).seen.method == "GET"


@pytest.mark.parametrize(("path", "status"), [("nothing", 204), ("unchanged", 304)])
async def test_answers_without_a_body_announce_none(door: Door, path: str, status: int) -> None:
    async with door.client() as client:
        client.writer.write(request(f"/api/videos/{path}") + request(ECHO))
        answer = await client.answer()
        assert answer.status == status
        assert answer.all("transfer-encoding") == answer.all("content-length") == []
        assert (await client.answer()).status == 200


# One connection, many requests


async def test_pipelined_requests_are_answered_in_their_order(door: Door) -> None:
    async with door.client() as client:
        client.writer.write(
            request("/api/videos/slow?1")
            + request(f"{ECHO}?2", "content-length: 2", method="POST", body=b"hi")
            + request(f"{ECHO}?3", "transfer-encoding: chunked", method="POST", body=b"0\r\n\r\n")
            + request(f"{ECHO}?4")
        )
        targets = [(await client.answer()).seen.target[-2:] for _ in range(4)]
    assert targets == ["?1", "?2", "?3", "?4"]


async def test_a_request_may_come_byte_by_byte(door: Door) -> None:
    lines = ("transfer-encoding: chunked",)
    whole = request(ECHO, *lines, method="POST", body=b"5\r\nhello\r\n0\r\n\r\n")
    async with door.client() as client:
        for byte in whole:
            client.writer.write(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer()).seen.body == "hello"


async def test_connection_close_is_heeded_and_repeated(door: Door) -> None:
    async with door.client() as client:
        client.writer.write(request(ECHO, CLOSE) + request(ECHO))
        assert (await client.answer()).all("connection") == ["close"]
        assert await client.is_closed()
    assert len(door.service.seen) == 1


async def test_http_1_0_ends_with_its_answer(door: Door) -> None:
    for path in (ECHO, "/api/videos/streams"):
        async with door.client() as client:
            client.writer.write(head(f"GET {path} HTTP/1.0"))
            answer = await client.answer()
            assert answer.status == 200
            assert answer.all("transfer-encoding") == []
            assert await client.is_closed()


async def test_http_1_0_is_kept_alive_only_by_saying_so(door: Door) -> None:
    async with door.client() as client:
        client.writer.write(head(f"GET {ECHO} HTTP/1.0", "connection: keep-alive"))
        answer = await client.answer()
        kept = [value.lower() for value in answer.all("connection")] == ["keep-alive"]
        if kept:
            client.writer.write(head(f"GET {ECHO} HTTP/1.0"))
            assert (await client.answer()).status == 200
        assert await client.is_closed()


# Who stops in the middle


@pytest.mark.parametrize("path", ["waits", "endless"])
async def test_a_service_learns_that_the_client_has_left(door: Door, path: str) -> None:
    async with door.client() as client:
        client.writer.write(request(f"/api/videos/{path}"))
        await door.service.begun.wait()
    async with asyncio.timeout(4):
        await door.service.left.wait()


@pytest.mark.parametrize(
    ("line", "part"),
    [("content-length: 100", b"half"), ("transfer-encoding: chunked", b"4\r\nhalf\r\n")],
)
async def test_a_service_learns_that_the_client_has_left_in_its_body(
    door: Door, line: str, part: bytes
) -> None:
    async with door.client() as client:
        client.writer.write(request(ECHO, line, method="POST", body=part))
        await door.service.begun.wait()
    async with asyncio.timeout(4):
        await door.service.left.wait()
    assert door.service.seen == []


@pytest.mark.parametrize("query", ["sized", "chunked"])
async def test_an_answer_that_breaks_off_is_never_taken_for_whole(door: Door, query: str) -> None:
    async with door.client() as client:
        client.writer.write(request(f"/api/videos/breaks?{query}"))
        with pytest.raises(CutOff):
            await client.answer()


# Bodies that are not wanted


async def test_a_body_is_asked_for_when_it_is_wanted(door: Door) -> None:
    async with door.client() as client:
        lines = ("content-length: 2", "expect: 100-continue")
        client.writer.write(request(ECHO, *lines, method="POST"))
        assert (await client.answer()).status == 100
        client.writer.write(b"hi")
        assert (await client.answer()).seen.body == "hi"


@pytest.mark.parametrize(
    ("line", "length", "status"),
    [("authorization: Bearer x", 9, 400), ("x-note: 1", 10**6, 413)],
    ids=["refused", "too large"],
)
async def test_a_body_that_is_not_wanted_is_not_asked_for(
    door: Door, line: str, length: int, status: int
) -> None:
    lines = (line, f"content-length: {length}", "expect: 100-continue")
    (answer,) = await door.says(request("/api/posts/echo", *lines, CLOSE, method="POST"))
    assert answer.status == status
    assert not door.service.begun.is_set()


@pytest.mark.parametrize("path", ["/api/videos/refuses", "/api/posts/echo"])
async def test_an_early_answer_reaches_a_client_that_goes_on_sending(door: Door, path: str) -> None:
    """The service refuses the first; the second is larger than the gateway lets through."""
    size = 3_000_000
    async with door.client() as client:
        client.writer.write(request(path, f"content-length: {size}", method="POST"))
        for _ in range(30):
            client.writer.write(b"x" * (size // 30))
            await client.writer.drain()
            await asyncio.sleep(0.002)
        assert (await client.answer()).status in (403, 413)


async def test_a_chunked_body_over_its_limit_is_refused_on_its_way(door: Door) -> None:
    async with door.client() as client:
        lines = ("transfer-encoding: chunked",)
        client.writer.write(request("/api/posts/echo", *lines, method="POST"))
        for _ in range(5):
            client.writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            await asyncio.sleep(0.01)
        answer = await client.answer()
        assert (answer.status, answer.code) == (413, "too_large")
    assert door.service.seen == []


# What two programs might read differently


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: 2", "content-length: 2"],
        ["content-length: 2", "content-length: 3"],
        ["content-length: 2, 2"],
        ["content-length: +2"],
        ["content-length: 0x2"],
        ["content-length: -2"],
        ["content-length: 2 2"],
        ["content-length: "],
        ["content-length: 99999999999999999999"],
        ["content-length: 2", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "content-length: 2"],
        ["transfer-encoding: gzip, chunked"],
        ["transfer-encoding: chunked, gzip"],
        ["transfer-encoding: identity"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding: chunked, chunked"],
        ["transfer-encoding: chunked", "transfer-encoding: chunked"],
        ["transfer-encoding : chunked"],
        ["transfer-encoding:\x0bchunked"],
        ["transfer_encoding: chunked", "content-length: 2", " x: 1"],
        ["x-note: a", " folded"],
        ["x-note: a", "\tfolded"],
        [" x-note: first"],
        ["x note: a"],
        [": a"],
        ["x-note"],
        ["x-n\x00te: a"],
        ["x-note: a\x00b"],
        ["x-note: a\rb"],
        ["x-n\xfcte: a"],
        ["x-note(): a"],
        ["authorization: Bearer another"],
        ["host: another"],
    ],
    ids=repr,
)
async def test_what_could_be_read_in_two_ways_is_read_by_nobody(
    door: Door, lines: list[str]
) -> None:
    smuggled = b"0\r\n\r\nGET /internal/x HTTP/1.1\r\nhost: gate\r\n\r\n"
    (answer,) = await door.says(request(ECHO, *lines, method="POST", body=smuggled))
    assert answer.status == 400
    assert answer.all("content-type") == ["application/problem+json"]
    assert not door.service.begun.is_set()


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n",
    ],
    ids=repr,
)
async def test_a_broken_chunk_is_no_body(door: Door, body: bytes) -> None:
    lines = ("transfer-encoding: chunked",)
    answers = await door.says(request(ECHO, *lines, method="POST", body=body))
    assert [answer.status for answer in answers] in ([400], [])
    assert door.service.seen == []


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["host: a", "host: b"],
        ["host: a b"],
        ["host: a/b"],
        ["host: a@b"],
    ],
    ids=repr,
)
async def test_a_request_names_one_host(door: Door, lines: list[str]) -> None:
    (answer,) = await door.says(head(f"GET {ECHO} HTTP/1.1", *lines, CLOSE))
    assert (answer.status, answer.code) == (400, "malformed_request")
    assert not door.service.begun.is_set()


async def test_nothing_in_an_answer_can_add_a_header(door: Door) -> None:
    (answer,) = await door.says(request("/api/videos/injects", CLOSE))
    assert answer.status in (500, 502)
    assert answer.all("set-cookie") == []


# Sizes


async def test_a_request_line_without_end_is_cut_off(door: Door) -> None:
    (answer,) = await door.says(b"GET /" + b"a" * 200_000)
    assert answer.status in (414, 431)


async def test_headers_without_end_are_cut_off(door: Door) -> None:
    (answer,) = await door.says(request(ECHO).removesuffix(b"\r\n") + b"x-note: " + b"a" * 200_000)
    assert answer.status == 431


async def test_more_headers_than_anybody_sends_are_refused(door: Door) -> None:
    lines = [f"x-{number}: 1" for number in range(3000)]
    (answer,) = await door.says(request(ECHO, *lines, CLOSE))
    assert answer.status == 431
    assert not door.service.begun.is_set()


# Targets


async def test_an_absolute_target_is_taken_for_its_path(door: Door) -> None:
    (answer,) = await door.says(request(f"http://gate{ECHO}?q=1", CLOSE))
    assert answer.seen.target == f"{ECHO}?q=1"


@pytest.mark.parametrize(
    "target",
    [
        "/internal/revocations",
        "//internal/revocations",
        "/%69nternal/revocations",
        "/api/auth/..%2f..%2finternal/revocations",
        "/api/auth/%2e%2e/%2e%2e/internal/revocations",
        "/api/auth/../../internal/revocations",
        "/api/auth/..%5c..%5cinternal/revocations",
        "/api/auth/..\\..\\internal/revocations",
        "/api/auth/%252e%252e/internal/revocations/../..",
        "/api/videos//echo",
        "/api/videos/./echo",
        "/api/videos/a%2fecho",
        "/api/videos/a%00echo",
        "http://gate/internal/revocations",
        "http://gate//internal/revocations",
        "http://gate/api/auth/../../internal/revocations",
        "http://gate",
        "gate:80",
        "*",
        "api/videos/echo",
        "?q",
        "",
    ],
)
async def test_no_spelling_of_a_path_reaches_what_it_does_not_name(door: Door, target: str) -> None:
    answers = await door.says(request(target, CLOSE))
    assert answers[0].status in (400, 404)
    assert not door.service.begun.is_set()


@pytest.mark.parametrize("target", ["/api/videos/..;/a;b=1", "/api/videos/%252e%252e/a"])
async def test_what_only_some_programs_take_for_a_dot_segment_reaches_the_service_as_it_is(
    door: Door, target: str
) -> None:
    (answer,) = await door.says(request(target, CLOSE))
    assert answer.seen.target == target


async def test_a_fragment_is_no_part_of_a_target(door: Door) -> None:
    (answer,) = await door.says(request(f"{ECHO}#/../../internal", CLOSE))
    assert answer.status == 400 or answer.seen.target == ECHO


# Methods, upgrades


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "FROBNICATE", "PRI", ""])
async def test_methods_that_nobody_serves_reach_no_service(door: Door, method: str) -> None:
    answers = await door.says(request(ECHO, CLOSE, method=method))
    assert answers[0].status in (400, 404, 405, 501)
    assert not door.service.begun.is_set()


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "foo/2"])
async def test_a_route_that_does_not_upgrade_answers_as_if_not_asked(
    door: Door, upgrade: str
) -> None:
    lines = (
        f"upgrade: {upgrade}",
        "connection: upgrade",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version: 13",
    )
    async with door.client() as client:
        client.writer.write(request(ECHO, *lines))
        answer = await client.answer()
    assert answer.status in (200, 400, 403, 404)
    assert len(door.service.seen) == (answer.status == 200)


async def test_what_claims_to_know_http_2_is_refused(door: Door) -> None:
    answers = await door.says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert answers[0].status in (400, 505)
