"""Bodies far larger than memory should ever hold, and readers that are far too slow."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.gateway.support import Client, Peer, connected, proxying, scripted
from tests.support.gateway import TOKEN

MB = 1024 * 1024
SIZE = 200 * MB
PIECE = b"x" * (256 * 1024)


@asynccontextmanager
async def gateway_process(url: str) -> AsyncIterator[tuple[int, int, str]]:
    """The port, the process id, and a token that it accepts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.gateway.gateway_process", url,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        port, token = (await process.stdout.readline()).decode().split()
        yield int(port), process.pid, token
    finally:
        process.terminate()
        await process.wait()


def peak_mb(pid: int) -> float:
    """The most memory that the process has held so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def sending(peer: Peer) -> None:
    """Answer every request with 200 MB, or nothing to what is no GET."""
    while True:
        head = await peer.head()
        if head.startswith(b"GET /api/videos/small"):
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        elif head.startswith(b"GET"):
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
            for _ in range(SIZE // len(PIECE)):
                await peer.say(PIECE)
        else:
            left = SIZE
            while left:
                left -= len(await peer.reader.read(left))
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def read_whole(client: Client) -> int:
    await client.reader.readuntil(b"\r\n\r\n")
    left = SIZE
    while left and (piece := await client.reader.read(min(left, MB))):
        left -= len(piece)
    return SIZE - left


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_200_mb_pass_with_flat_memory(method: str) -> None:
    async with (
        scripted(sending) as upstream,
        gateway_process(upstream.url) as (port, pid, token),
        connected(port, token) as client,
    ):
        await client.send("GET", "/api/videos/small")
        await client.answer()
        before = peak_mb(pid)
        if method == "GET":
            await client.send()
            assert await read_whole(client) == SIZE
        else:
            await client.send("POST", "/api/videos", f"content-length: {SIZE}")
            for _ in range(SIZE // len(PIECE)):
                client.writer.write(PIECE)
                await client.writer.drain()
            assert (await client.answer()).body == b"ok"
        assert peak_mb(pid) - before < 16


async def test_an_upstream_is_held_back_by_a_slow_reader() -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(PIECE)):
            await peer.say(PIECE)
            sent += len(PIECE)

    async with (
        scripted(script) as upstream,
        proxying(upstream.url) as port,
        connected(port, TOKEN) as client,
    ):
        await client.send()
        await asyncio.sleep(1)
        held = sent
        assert held < 40 * MB  # what the sockets of three connections take, and no more
        await asyncio.sleep(0.5)
        assert sent == held
        assert await read_whole(client) == SIZE


async def test_a_client_is_held_back_by_a_slow_upstream() -> None:
    wake = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await wake.wait()
        left = SIZE
        while left:
            left -= len(await peer.reader.read(left))
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    sent = 0

    async def send(client: Client) -> None:
        nonlocal sent
        await client.send("POST", "/api/videos", f"content-length: {SIZE}")
        for _ in range(SIZE // len(PIECE)):
            client.writer.write(PIECE)
            await client.writer.drain()
            sent += len(PIECE)

    async with (
        scripted(script) as upstream,
        proxying(upstream.url) as port,
        connected(port, TOKEN) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(send(client))
        await asyncio.sleep(1)
        held = sent
        assert held < 40 * MB
        await asyncio.sleep(0.5)
        assert sent == held
        wake.set()
        assert (await client.answer()).body == b"ok"
