"""What a client may do before its request is known, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from shared.runtime import http_protocol
from shared.runtime.http_server import HttpServer, bind


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    unread = scope["path"] == "/unread"
    body = b"" if unread else await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)}")(scope, receive, send)


@asynccontextmanager
async def server() -> AsyncIterator[int]:
    with bind("127.0.0.1", 0) as bound:
        started = asyncio.Event()
        http = HttpServer(app, 1, started.set)
        async with asyncio.TaskGroup() as group:
            group.create_task(http.serve([bound]))
            await started.wait()
            try:
                yield bound.getsockname()[1]
            finally:
                http.should_exit = True


async def exchange(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)["code"]


HELLO = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"


async def test_a_head_in_small_pieces_is_answered() -> None:
    async with server() as port:
        whole = HELLO + b"\r\n"
        answer = await exchange(port, *(whole[i : i + 7] for i in range(0, len(whole), 7)))
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("what", [b"x-long: ", b"GET /"])
async def test_a_head_without_end_is_cut_off(what: bytes) -> None:
    start = HELLO + what if what.startswith(b"x") else what
    async with server() as port:
        answer = await exchange(port, start, *(b"a" * 8192 for _ in range(8)), pause=0.01)
    assert problem(answer) == (431, "head_too_large")


async def test_a_slow_head_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    async with server() as port:
        for pieces in ((b"",), (HELLO,), (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", HELLO)):
            answer = await exchange(port, *pieces, pause=0.1)
            assert problem(answer[answer.rindex(b"HTTP/1.1") :]) == (408, "head_too_slow")


async def test_a_slow_body_is_not_the_heads_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    post = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\n"
    async with server() as port:
        answer = await exchange(port, post, b"ab", b"cd", pause=0.2)
    assert answer.endswith(b"\r\n\r\n4")


async def test_a_large_body_is_not_the_heads_matter() -> None:
    size = 3 * http_protocol.MAX_HEAD_BYTES
    post = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % size
    async with server() as port:
        answer = await exchange(port, post, b"x" * size)
    assert answer.endswith(b"\r\n\r\n%d" % size)


async def test_what_is_no_http_is_a_problem() -> None:
    async with server() as port:
        assert problem(await exchange(port, b"\x16\x03\x01 hello\r\n\r\n")) == (
            400,
            "malformed_request",
        )


UNREAD = b"POST /unread HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"


async def test_an_answer_given_before_the_body_has_come_is_not_lost() -> None:
    size = 5_000_000
    pieces = (b"x" * 500_000 for _ in range(10))
    async with server() as port:
        answer = await exchange(port, UNREAD % size, *pieces, pause=0.01)
    assert answer.endswith(b"\r\n\r\n0")


async def test_a_client_that_never_ends_its_body_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 0.2)
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UNREAD % 5)
        assert (await reader.read()).endswith(b"\r\n\r\n0")
        await asyncio.sleep(2.5)  # looked at once a second
        with pytest.raises(ConnectionError):
            await keep_writing(writer)
        writer.close()


async def keep_writing(writer: asyncio.StreamWriter) -> None:
    for _ in range(3):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_what_follows_an_early_answer_is_not_answered() -> None:
    chunked = UNREAD.replace(b"content-length: %d", b"transfer-encoding: chunked")
    async with server() as port:
        answer = await exchange(port, chunked, b"no chunk\r\n", pause=0.1)
    assert answer.count(b"HTTP/1.1") == 1
