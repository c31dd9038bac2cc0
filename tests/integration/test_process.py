"""A process starts in order, drains on SIGTERM, and its exit code tells how it ended."""

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
from starlette.responses import PlainTextResponse

from shared.runtime.process import run, serve
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service

APP = PlainTextResponse("hello")


class Probe:
    """A running `tests.support.process_work`."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def hears(self, *lines: str) -> None:
        """The next lines that it tells."""
        assert [await self._line() for _ in lines] == list(lines)

    async def url(self) -> str:
        """The address it tells once it listens."""
        await self.hears("first", "second", "ready")
        return await self._line()

    async def ended(self) -> tuple[int, list[str]]:
        """The exit code and what it told last."""
        assert self.process.stdout is not None
        rest = (await self.process.stdout.read()).decode().splitlines()
        return await self.process.wait(), rest

    async def log(self) -> str:
        """What it logged."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def _line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(10):
            return (await self.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def probe(*behaviour: str) -> AsyncIterator[Probe]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.process_work", *behaviour, stdout=PIPE, stderr=PIPE
    )
    try:
        yield Probe(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_process_told_to_end_finishes_requests_then_components_then_closes() -> None:
    async with probe() as running, httpx.AsyncClient() as client:
        request = asyncio.ensure_future(client.get(await running.url() + "/slow"))
        await running.hears("asked")
        running.process.send_signal(signal.SIGTERM)
        answer = await request
        assert (answer.status_code, answer.text) == (200, "draining: True")
        assert await running.ended() == (0, ["finishing", "finished", "close failing", "closed"])


async def test_a_draining_process_accepts_no_new_connection() -> None:
    async with probe() as running, httpx.AsyncClient() as client:
        url = await running.url() + "/slow"
        request = asyncio.ensure_future(client.get(url))
        await running.hears("asked")
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.25)
        with pytest.raises(httpx.ConnectError):
            await client.get(url)
        assert (await request).status_code == 200


async def test_ctrl_c_ends_a_process_as_cleanly() -> None:
    async with probe() as running:
        await running.url()
        running.process.send_signal(signal.SIGINT)
        exit_code, told = await running.ended()
        assert (exit_code, told[-1]) == (0, "closed")


async def test_a_second_signal_ends_it_at_once() -> None:
    async with probe() as running, httpx.AsyncClient() as client:
        request = asyncio.ensure_future(client.get(await running.url() + "/slow"))
        await running.hears("asked")
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.05)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == (128 + signal.SIGTERM, [])
        with pytest.raises(httpx.HTTPError):
            await request


@pytest.mark.parametrize(
    ("behaviour", "event"),
    [("crash", "out of luck"), ("return", "component_ended_by_itself")],
)
async def test_the_end_of_a_component_ends_the_process_with_1(behaviour: str, event: str) -> None:
    async with probe(behaviour) as running:
        exit_code, told = await running.ended()
        assert (exit_code, told[-1]) == (1, "closed")
        log = await running.log()
        assert event in log
        assert "probe.work" in log


async def test_a_request_that_does_not_end_is_cut_off_when_the_time_is_up() -> None:
    async with probe("stuck-request") as running, httpx.AsyncClient() as client:
        request = asyncio.ensure_future(client.get(await running.url() + "/slow"))
        await running.hears("asked")
        started = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        exit_code, told = await running.ended()
        assert (exit_code, told[-1]) == (1, "closed")
        assert time.monotonic() - started < 2
        assert (await request).status_code == 500
        assert "requests_cut_off" in await running.log()


async def test_a_component_that_does_not_end_is_cut_off_when_the_time_is_up() -> None:
    async with probe("stuck-component") as running:
        await running.url()
        running.process.send_signal(signal.SIGTERM)
        exit_code, told = await running.ended()
        assert (exit_code, told[-1]) == (1, "closed")
        assert "component_cut_off" in await running.log()


async def test_a_close_that_fails_does_not_keep_the_next_from_running() -> None:
    async with probe("bad-close") as running:
        await running.url()
        running.process.send_signal(signal.SIGTERM)
        exit_code, told = await running.ended()
        assert (exit_code, told[-1]) == (1, "closed")
        assert "close_failed" in await running.log()


async def test_a_refusal_to_start_starts_nothing_and_still_closes() -> None:
    async with probe("refuse") as running:
        assert await running.ended() == (1, ["first", "second", "close failing", "closed"])
        assert "RuntimeError: second" in await running.log()


async def test_a_process_that_never_gets_ready_can_be_told_to_end() -> None:
    async with probe("unready") as running:
        await running.hears("first", "second", "waiting")
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == (0, ["close failing", "closed"])


async def test_a_port_in_use_is_named_before_anything_starts() -> None:
    started: list[str] = []

    async def before() -> None:
        started.append("yes")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already"):
            await serve(
                [Service("probe", APP, before_start=(before,))],
                APP,
                host="127.0.0.1",
                port=port,
                drain_seconds=1,
            )
    assert started == []


async def test_the_end_of_serving_leaves_the_process_ready_to_serve_again() -> None:
    addresses: list[str] = []

    def listening(url: str) -> None:
        addresses.append(url)
        signal.raise_signal(signal.SIGTERM)

    for _ in range(2):
        assert not Readiness.draining
        service = Service("probe", APP)
        code = await serve(
            [service], APP, host="127.0.0.1", port=0, drain_seconds=1, on_listening=listening
        )
        assert code == 0
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)


async def test_a_failed_start_is_logged_and_told_by_the_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = Service("probe", APP)
        code = await asyncio.to_thread(
            run, [service], APP, host="127.0.0.1", port=port, drain_seconds=1
        )
    assert code == 1
