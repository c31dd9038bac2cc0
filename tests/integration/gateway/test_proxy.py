"""What goes through the proxy, byte by byte, between real sockets."""

import asyncio

import msgspec
import pytest

from gateway.upstream.head import OF_THE_GATEWAY
from tests.integration.gateway.support import (
    Answered,
    Peer,
    answering,
    connected,
    proxying,
    scripted,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def asked(answer: bytes, method: str = "GET") -> Answered:
    """What a client gets when the upstream says `answer` and closes."""
    async with (
        scripted(answering(answer)) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send(method)
        return await client.answer()


async def received(method: str, path: str, *lines: str, body: bytes = b"") -> tuple[bytes, bytes]:
    """What the upstream sees of a request."""
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.say(OK)

    async with (
        scripted(script) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send(method, path, *lines, body=body)
        assert (await client.answer()).status == 200
    return seen[0]


async def test_the_upstream_learns_where_a_request_came_from() -> None:
    head, _ = await received("GET", "/api/videos", "x-request-id: abc-1")
    assert b"host: 127.0.0.1:" in head
    assert b"x-forwarded-for: 127.0.0.1\r\n" in head
    assert b"x-forwarded-host: gate\r\n" in head
    assert b"x-forwarded-proto: http\r\n" in head
    assert b"x-request-id: abc-1\r\n" in head


async def test_the_trace_goes_on_in_a_new_span() -> None:
    trace, span = "a" * 32, "b" * 16
    head, _ = await received("GET", "/api/videos", f"traceparent: 00-{trace}-{span}-01")
    assert head.count(b"traceparent: ") == 1
    assert f"traceparent: 00-{trace}-".encode() in head
    assert span.encode() not in head


@pytest.mark.parametrize(
    "line",
    [
        "x-user-id: 1",
        "X-User-Roles: admin",
        "remote-user: root",
        "x-forwarded-for: 6.6.6.6",
        "forwarded: for=6.6.6.6",
        "te: trailers",
        "proxy-authorization: Basic eA==",
        "keep-alive: timeout=5",
        "expect: 100-continue",
        "upgrade: h2c",
    ],
)
async def test_what_a_client_may_not_claim_and_what_ends_at_a_proxy_is_removed(line: str) -> None:
    head, _ = await received("GET", "/api/videos", line)
    assert line.lower().encode() not in head.lower()


async def test_headers_named_by_connection_are_removed() -> None:
    head, _ = await received("GET", "/api/videos", "connection: keep-alive, x-mine", "x-mine: 1")
    assert b"x-mine" not in head


@pytest.mark.parametrize("name", sorted(OF_THE_GATEWAY))
async def test_a_client_cannot_have_our_own_headers_removed(name: bytes) -> None:
    head, _ = await received("GET", "/api/videos", f"connection: close, {name.decode()}")
    assert b"\r\n%b: " % name in head


async def test_a_body_of_known_length_arrives_whole() -> None:
    head, body = await received("POST", "/api/posts", "content-length: 5", body=b"hello")
    assert b"content-length: 5\r\n" in head
    assert body == b"hello"


@pytest.mark.parametrize("framing", ["content-length: 5", "transfer-encoding: chunked"])
async def test_the_body_of_a_request_that_asks_for_another_protocol_is_not_lost(
    framing: str,
) -> None:
    body = b"hello" if "length" in framing else b"5\r\nhello\r\n0\r\n\r\n"
    upgrade = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AA")
    head, arrived = await received("POST", "/api/posts", framing, *upgrade, body=body)
    assert arrived == body
    assert b"upgrade" not in head.lower()


async def test_a_chunked_body_arrives_chunked() -> None:
    head, body = await received(
        "POST", "/api/posts", "transfer-encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"
    )
    assert b"transfer-encoding: chunked\r\n" in head
    assert b"content-length" not in head
    assert body == b"5\r\nhello\r\n0\r\n\r\n"


async def test_a_body_in_pieces_arrives_whole() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.say(OK)

    async with (
        scripted(script) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send("POST", "/api/posts", "transfer-encoding: chunked", body=b"3\r\nabc\r\n")
        for piece in (b"2\r\nde\r\n", b"0\r\n\r\n"):
            await asyncio.sleep(0.05)
            client.writer.write(piece)
        assert (await client.answer()).body == b"ok"
    assert seen[0][1] == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


async def test_one_connection_serves_many_requests() -> None:
    async with (
        scripted(answering(OK, OK, OK)) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        for _ in range(3):
            await client.send()
            assert (await client.answer()).body == b"ok"
        assert upstream.connections == 1


async def test_a_connection_that_the_upstream_closes_is_not_used_again() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with (
        scripted(answering(closing)) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        for _ in range(2):
            await client.send("POST", "/api/posts", "content-length: 0")
            answer = await client.answer()
            assert (answer.status, answer.all("connection")) == (200, [])
        assert upstream.connections == 2


async def test_hop_by_hop_headers_of_an_answer_are_removed() -> None:
    answer = await asked(
        b"HTTP/1.1 200 OK\r\nx-mine: 1\r\nx-kept: 2\r\nconnection: close, x-mine\r\n"
        b"keep-alive: timeout=5\r\nupgrade: h2c\r\nserver: x\r\ncontent-length: 0\r\n\r\n"
    )
    assert answer.all("x-kept") == ["2"]
    for name in ("x-mine", "connection", "keep-alive", "upgrade", "server"):
        assert answer.all(name) == []


async def test_an_answer_has_one_date_and_our_request_id() -> None:
    answer = await asked(
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\nx-request-id: theirs\r\n"
        b"content-length: 0\r\n\r\n"
    )
    assert len(answer.all("date")) == 1
    assert "1970" not in answer.all("date")[0]
    assert len(answer.all("x-request-id")) == 1
    assert answer.all("x-request-id") != ["theirs"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
    ],
    ids=["chunks", "trailer", "until the end", "HTTP/1.0", "100", "103"],
)
async def test_every_way_to_frame_a_body_is_understood(answer: bytes) -> None:
    async with (
        scripted(answering(answer)) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send("GET", "/api/videos", "connection: close")
        rest = await client.rest()
    head, _, body = rest.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"link" not in head
    assert b"".join(body.split(b"\r\n")[1::2]) == b"hello"
    assert body.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "first"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: x\r\n\r\n"),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
    ids=["HEAD", "HEAD chunked", "304", "204"],
)
async def test_an_answer_without_a_body_leaves_the_connection_usable(
    method: str, first: bytes
) -> None:
    async with (
        scripted(answering(first, OK)) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send(method)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.split()[1] == first.split()[1]
        await client.send()
        assert (await client.answer()).body == b"ok"
        assert upstream.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"this is no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\rset-cookie: evil\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"",
    ],
    ids=[
        "no HTTP", "length and encoding", "encoding and length", "two lengths", "no length",
        "another encoding", "bad header", "bad name", "CR", "NUL", "folded", "length list",
        "length below 0", "length beyond", "head without end", "interim without end", "101",
        "no status", "cut head", "nothing",
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_valid_http_is_a_502(answer: bytes) -> None:
    got = await asked(answer, "POST")
    assert got.status == 502
    assert got.all("content-type") == ["application/problem+json"]
    problem = msgspec.json.decode(got.body)
    assert problem["code"] == "bad_gateway"
    assert problem["request_id"] == got.all("x-request-id")[0]


async def test_a_second_answer_to_one_request_reaches_nobody() -> None:
    evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    async with (
        scripted(answering(OK + evil, OK)) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        for _ in range(2):
            await client.send()
            assert (await client.answer()).body == b"ok"
        assert upstream.connections == 2


async def test_an_answer_that_nobody_asked_for_reaches_nobody() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await asyncio.sleep(0.05)
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await peer.request()

    async with (
        scripted(script) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send()
        await client.answer()
        await asyncio.sleep(0.15)
        await client.send()
        assert (await client.answer()).body == b"ok"
        assert upstream.connections == 2


async def test_the_head_of_an_answer_goes_on_before_its_body_has_come() -> None:
    passed_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await passed_on.wait()
        await peer.say(b"ok")

    async with (
        scripted(script) as upstream,
        proxying(upstream.url) as port,
        connected(port) as client,
    ):
        await client.send()
        async with asyncio.timeout(2):
            head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        passed_on.set()
        assert await client.reader.readexactly(2) == b"ok"
