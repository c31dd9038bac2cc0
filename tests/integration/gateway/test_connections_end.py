"""Connections of a process that ends, and of peers that are gone: nobody is waited for long."""

import asyncio
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.realtime.streams import StreamListener
from shared.runtime import http_server, websocket_protocol
from shared.runtime.readiness import Readiness
from shared.security.principal import Principal
from tests.integration.gateway.test_sockets import handshake, handshaken
from tests.support.realtime import Live, Stream, a_user, job_event, live, opened, token_of


@asynccontextmanager
async def process() -> AsyncIterator[tuple[Process, str, str]]:
    """A process that serves; its URL and a token."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.gateway.realtime_process", stdout=PIPE, stderr=PIPE
    )
    assert running.stdout is not None
    try:
        async with asyncio.timeout(20):
            url, token = (await running.stdout.readline()).decode().split()
        yield running, url, token
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def test_a_process_that_drains_ends_every_connection_and_waits_for_none() -> None:
    async with process() as (running, url, token), httpx.AsyncClient(timeout=20) as client:
        headers = {"authorization": f"Bearer {token}"}
        address = url.replace("http", "ws", 1) + "/ws"
        async with (
            connect(address, additional_headers=headers, proxy=None) as one,
            connect(address, proxy=None) as unproven,
            client.stream("GET", f"{url}/api/events", headers=headers) as answer,
        ):
            await opened(one)
            stream = Stream(answer)
            assert "retry" in await stream.event()
            await stream.event()
            # and one that reads nothing, not even that it is to leave
            _, deaf = await handshaken(int(url.rpartition(":")[2]), token)
            began = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert (await stream.event())["event"] == "restart"
            for each in (one, unproven):
                with pytest.raises(ConnectionClosed):
                    await each.recv()
                assert each.close_code == 1012
            async with asyncio.timeout(10):
                assert await running.wait() == 0
            assert time.monotonic() - began < 5
            deaf.close()


async def test_a_peer_that_is_gone_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "PING_SECONDS", 0.1)
    monkeypatch.setattr(http_server, "PONG_SECONDS", 0.1)
    monkeypatch.setattr(websocket_protocol, "LAST_WORDS_SECONDS", 0.1)
    seconds = (
        websocket_protocol.PING_SECONDS
        + websocket_protocol.PONG_SECONDS
        + websocket_protocol.LAST_WORDS_SECONDS
    )
    assert seconds < 45
    async with live() as gate, gate.socket(token_of(a_user())) as well:
        await opened(well)
        _, gone = await handshaken(gate.port, token_of(a_user()))  # it never answers a ping
        assert gate.realtime.hub.connections == 2
        async with asyncio.timeout(5):
            while gate.realtime.hub.connections == 2:
                await asyncio.sleep(0.02)
        assert gate.realtime.hub.connections == 1
        gone.close()


async def test_a_client_that_asks_more_than_it_reads_is_cut_off() -> None:
    ping = b"\x89\xfd" + b"mask" + b"x" * 125
    async with live() as gate:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", gate.port))
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(deaf, handshake(f"authorization: Bearer {token_of(a_user())}"))
            await loop.sock_recv(deaf, 64)
            async with asyncio.timeout(20):
                with pytest.raises(ConnectionError):
                    await asked_for_ever(deaf, ping * 500)
        async with asyncio.timeout(5):
            while gate.realtime.hub.connections:
                await asyncio.sleep(0.02)


async def asked_for_ever(opened: socket.socket, question: bytes) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(opened, question)


async def test_a_client_that_is_told_to_resume_and_does_not_read_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket_protocol, "LAST_WORDS_SECONDS", 0.1)
    user = a_user()
    async with live() as gate:
        reader, writer = await handshaken(gate.port, token_of(user))
        async with asyncio.timeout(20):
            while gate.realtime.hub.connections:
                events = (job_event(user, "failed", error_code="e" * 8000) for _ in range(20))
                await gate.happens(*events)
                await asyncio.sleep(0)
            await asyncio.sleep(0.5)
            unread = await reader.read()
        assert unread  # it ends, before what waited in our memory has been sent
        assert b"resume from" not in unread
        writer.close()


async def test_a_stream_whose_client_does_not_read_is_cut_off_when_the_process_drains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.realtime.streams.LAST_WORDS_SECONDS", 0.2)
    user = a_user()
    async with live() as gate:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", gate.port))
            deaf.sendall(
                f"GET /api/events HTTP/1.1\r\nhost: gate\r\n"
                f"authorization: Bearer {token_of(user)}\r\n\r\n".encode()
            )
            await until_it_waits(gate, user)
            monkeypatch.setattr(Readiness, "draining", True)
            async with asyncio.timeout(5):
                while gate.realtime.hub.connections:
                    await asyncio.sleep(0.02)


async def until_it_waits(gate: Live, user: Principal) -> None:
    """Let events happen until the stream's only client has not read what was written."""
    async with asyncio.timeout(20):
        while not list(gate.realtime.hub.all()):
            await asyncio.sleep(0.01)
        (listener,) = gate.realtime.hub.all()
        assert isinstance(listener, StreamListener)
        while len(listener._waiting) < 3:
            await gate.happens(job_event(user, "failed", error_code="e" * 30_000))
            await asyncio.sleep(0.001)
