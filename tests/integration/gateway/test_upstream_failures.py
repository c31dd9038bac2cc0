"""What becomes of a request when the upstream, or the client, does not do its part."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from gateway.upstream.limits import Limits
from tests.integration.gateway.support import (
    Client,
    Peer,
    Script,
    Upstream,
    answering,
    connected,
    proxying,
    scripted,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
QUICK = Limits(connect=0.3, silence=0.4, total=0.8, queue=0.3)


@asynccontextmanager
async def through(
    script: Script, limits: Limits | None = None
) -> AsyncIterator[tuple[Client, Upstream]]:
    async with (
        scripted(script) as upstream,
        proxying(upstream.url, limits) as port,
        connected(port) as client,
    ):
        yield client, upstream


async def code_of(client: Client) -> tuple[int, str]:
    answer = await client.answer()
    return answer.status, msgspec.json.decode(answer.body)["code"]


def free_url() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def dying_after(*answers: bytes) -> Script:
    """A script that reads one request more than it answers, then dies; later connections live."""

    async def script(peer: Peer) -> None:
        await answering(*answers)(peer)
        await peer.request()
        if peer.number > 1:
            await peer.say(OK)

    return script


async def test_an_upstream_that_is_away_is_a_503_that_says_when_to_come_back() -> None:
    async with proxying(free_url()) as port, connected(port) as client:
        await client.send()
        answer = await client.answer()
    assert answer.status == 503
    assert msgspec.json.decode(answer.body)["code"] == "unavailable"
    assert answer.all("retry-after") == ["1"]


async def test_a_connection_that_is_not_accepted_in_time_is_a_504() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.socket() for _ in range(3)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with proxying(url, QUICK) as port, connected(port) as client:
            await client.send()
            assert await code_of(client) == (504, "gateway_timeout")
        for other in others:
            other.close()


async def test_silence_is_a_504() -> None:
    async with through(Peer.closed, QUICK) as (client, _):
        await client.send()
        assert await code_of(client) == (504, "gateway_timeout")


async def test_an_answer_that_drips_is_cut_off_after_the_total_time() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        while True:
            await peer.say(b"x")
            await asyncio.sleep(0.1)

    async with through(script, QUICK) as (client, _), asyncio.timeout(3):
        await client.send()
        assert len(await client.rest()) < 2000


async def test_an_answer_that_drips_for_longer_than_the_silence_limit_arrives() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(0.1)
            await peer.say(b"x")

    async with through(script, Limits(silence=0.4)) as (client, _):
        await client.send()
        assert (await client.answer()).body == b"xxxxxx"


async def test_a_client_that_stops_in_its_body_gets_a_408() -> None:
    async with through(Peer.closed, QUICK) as (client, _):
        await client.send("POST", "/api/posts", "content-length: 10", body=b"half")
        assert await code_of(client) == (408, "request_timeout")


async def test_a_client_that_never_begins_its_body_gets_a_408_and_holds_no_connection() -> None:
    async with through(Peer.closed, QUICK) as (client, upstream):
        await client.send("POST", "/api/posts", "content-length: 10", "expect: 100-continue")
        await client.reader.readuntil(b"\r\n\r\n")
        assert await code_of(client) == (408, "request_timeout")
        assert upstream.connections == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_idempotent_request_is_repeated_when_a_pooled_connection_dies(
    method: str,
) -> None:
    async with through(dying_after(OK)) as (client, upstream):
        for _ in range(2):
            await client.send(method, "/api/videos", "content-length: 2", body=b"hi")
            assert (await client.answer()).body == b"ok"
        assert upstream.connections == 2


async def test_a_post_is_not_repeated_when_a_pooled_connection_dies() -> None:
    async with through(dying_after(OK)) as (client, upstream):
        await client.send()
        await client.answer()
        await client.send("POST", "/api/posts", "content-length: 2", body=b"hi")
        assert await code_of(client) == (502, "bad_gateway")
        assert upstream.connections == 1


async def test_a_post_with_an_idempotency_key_is_repeated() -> None:
    async with through(dying_after(OK)) as (client, _):
        await client.send()
        await client.answer()
        lines = ("content-length: 2", "idempotency-key: k1")
        await client.send("POST", "/api/jobs", *lines, body=b"hi")
        assert (await client.answer()).body == b"ok"


async def test_a_request_on_a_new_connection_is_not_repeated() -> None:
    async with through(dying_after()) as (client, upstream):
        await client.send()
        assert await code_of(client) == (502, "bad_gateway")
        assert upstream.connections == 1


async def test_a_request_is_not_repeated_once_the_answer_has_begun() -> None:
    async with through(answering(OK, b"HTTP/1.1 2")) as (client, upstream):
        await client.send()
        await client.answer()
        await client.send()
        assert await code_of(client) == (502, "bad_gateway")
        assert upstream.connections == 1


async def test_a_post_goes_out_on_a_new_connection_when_the_pooled_one_is_known_dead() -> None:
    async with through(answering(OK)) as (client, upstream):
        await client.send()
        await client.answer()
        await asyncio.sleep(0.05)
        await client.send("POST", "/api/posts", "content-length: 2", body=b"hi")
        assert (await client.answer()).body == b"ok"
        assert upstream.connections == 2


async def test_an_early_answer_reaches_a_client_that_is_still_sending() -> None:
    done = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.say(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
        await peer.closed()
        done.set()

    async with through(script) as (client, _):
        await client.send("POST", "/api/videos", "content-length: 1000000", body=b"x" * 1000)
        assert (await client.answer()).status == 403
        async with asyncio.timeout(1):
            await done.wait()


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\nhello"]
)
async def test_the_upstream_is_let_go_when_the_client_leaves(answer: bytes) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.say(answer)
        begun.set()
        await peer.closed()
        gone.set()

    async with through(script) as (client, _):
        await client.send()
        await begun.wait()
        client.writer.close()
        async with asyncio.timeout(2.5):
            await gone.wait()


async def test_nothing_more_is_fetched_for_a_slow_client_that_leaves() -> None:
    piece, pieces = bytes(64 * 1024), 8192
    begun, gone, said = asyncio.Event(), asyncio.Event(), 0

    async def script(peer: Peer) -> None:
        nonlocal said
        await peer.head()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(piece) * pieces))
        begun.set()
        with contextlib.suppress(ConnectionError):
            while said < pieces:
                await peer.say(piece)
                said += 1
        gone.set()

    async with through(script) as (client, _):
        await client.send()
        await begun.wait()
        await asyncio.sleep(0.1)
        client.writer.transport.abort()
        async with asyncio.timeout(2.5):
            await gone.wait()
    assert said < pieces / 2


async def test_the_upstream_is_let_go_when_the_client_leaves_in_its_own_body() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        begun.set()
        await peer.closed()
        gone.set()

    async with through(script) as (client, _):
        await client.send("POST", "/api/videos", "content-length: 1000", body=b"x")
        await begun.wait()
        client.writer.close()
        async with asyncio.timeout(1):
            await gone.wait()


async def test_a_body_of_unknown_length_is_cut_off_at_its_limit() -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.closed()
        gone.set()

    async with through(script) as (client, _):
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        await client.send("POST", "/api/posts", "transfer-encoding: chunked")
        for _ in range(3):
            client.writer.write(chunk)
            await asyncio.sleep(0.02)
        assert await code_of(client) == (413, "too_large")
        async with asyncio.timeout(1):
            await gone.wait()
