"""What a client may do before its request is known, over real sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from shared.runtime import http_protocol
from shared.runtime.http_head import MAX_HEAD_BYTES
from shared.runtime.http_server import HttpServer, bind


async def nothing(send: Send) -> None:
    """Answers nothing at all."""


async def failing(send: Send) -> None:
    raise LookupError("by design")


async def without_end(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})


async def too_short(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [LENGTH_5]})
    await send({"type": "http.response.body", "body": b"four"})


async def too_long(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [LENGTH_5]})
    await send({"type": "http.response.body", "body": b"sixsix"})


async def injecting(send: Send) -> None:
    headers = [(b"content-length", b"0"), (b"x-name", b"a\r\nset-cookie: b")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})


async def body_first(send: Send) -> None:
    await send({"type": "http.response.body"})


async def large(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(LARGE // PIECE):
        await send({"type": "http.response.body", "body": b"x" * PIECE, "more_body": True})
    await send({"type": "http.response.body"})


async def large_at_once(send: Send) -> None:
    headers = [(b"content-length", b"%d" % LARGE)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * LARGE})


PIECE, LARGE = 2**16, 2**24
"""More than the system keeps for a client that does not read."""
LENGTH_5 = (b"content-length", b"5")
ODD = {
    f"/{odd.__name__}": odd
    for odd in (
        nothing, failing, without_end, too_short, too_long, injecting, body_first, large,
        large_at_once,
    )
}  # fmt: skip


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] in ODD:
        await ODD[scope["path"]](send)
        return
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


async def test_trailers_without_end_are_cut_off() -> None:
    post = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: "
    async with server() as port:
        answer = await exchange(port, post, *(b"a" * 8192 for _ in range(9)), pause=0.01)
    assert problem(answer) == (431, "head_too_large")


async def test_a_body_in_small_chunks_is_not_taken_for_trailers() -> None:
    post = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"1\r\na\r\n" * 2500
    async with server() as port:
        answer = await exchange(port, post, *[chunks] * 8, b"0\r\n\r\n", pause=0.01)
    assert answer.endswith(b"\r\n\r\n20000")


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
    size = 3 * MAX_HEAD_BYTES
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


@pytest.mark.parametrize(
    "path", ["/nothing", "/failing", "/too_short", "/too_long", "/injecting", "/body_first"]
)
async def test_an_app_that_answers_what_http_cannot_say_is_a_500(path: str) -> None:
    async with server() as port:
        answer = await exchange(port, b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path.encode())
        assert await exchange(port, HELLO + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in answer


async def test_an_answer_that_its_app_leaves_unfinished_is_cut_off() -> None:
    async with server() as port:
        answer = await exchange(port, b"GET /without_end HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.endswith(b"5\r\nbegun\r\n")  # and no last chunk


async def test_an_answer_that_ends_with_the_connection_is_not_ended_by_a_failure() -> None:
    async with server() as port:
        with pytest.raises(ConnectionResetError):
            await exchange(port, b"GET /without_end HTTP/1.0\r\nhost: a\r\n\r\n")


async def test_requests_that_come_together_are_answered_one_after_the_other() -> None:
    get = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
    async with server() as port:
        answer = await exchange(port, get + post + get + HELLO + b"\r\n")
    lengths = [part[-1:] for part in answer.split(b"HTTP/1.1 200 ")[1:]]
    assert lengths == [b"0", b"3", b"0", b"0"]


async def test_a_request_that_asks_for_another_protocol_is_one_like_any_other() -> None:
    ask = b"host: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: %d\r\n\r\n"
    post = b"POST / HTTP/1.1\r\n" + ask % 3 + b"abc"
    async with server() as port:
        for pieces in ((post + post + HELLO + b"\r\n",), (post[:-2], post[-2:] + HELLO + b"\r\n")):
            answer = await exchange(port, *pieces, pause=0.05)
            assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"\r\n\r\n3") + 1 >= 2


async def test_what_is_no_http_does_not_harm_the_answer_before_it() -> None:
    async with server() as port:
        answer = await exchange(port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n\x16\x03\x01")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_SECONDS", 0.5)
    async with server() as port:
        answer = await exchange(port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@asynccontextmanager
async def slow_reader(port: int, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """A client for which the system keeps little; what it has asked for."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=small, limit=PIECE // 2)
    writer.write(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path.encode())
    try:
        yield reader
    finally:
        writer.close()


@pytest.mark.parametrize("path", ["/large", "/large_at_once"])
async def test_an_answer_that_is_read_slowly_arrives_whole(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_SECONDS", 0.5)
    received = 0
    async with server() as port, slow_reader(port, path) as reader:
        while received < LARGE:
            received += len(await asyncio.wait_for(reader.readexactly(PIECE), 5))
            await asyncio.sleep(0.015)


@pytest.mark.parametrize("path", ["/large", "/large_at_once"])
async def test_an_answer_that_nobody_reads_is_not_kept(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_SECONDS", 0.5)
    async with server() as port, slow_reader(port, path) as reader:
        await asyncio.sleep(4)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(LARGE)


async def test_a_body_that_stops_coming_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_SECONDS", 0.5)
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_connection_that_is_kept_does_not_hinder_the_end() -> None:
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"0")
    writer.close()
