"""The suite of a home for as long as a command needs it: the one that runs, or one of its own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from rich.console import Console

from deploy.home import Home
from shared.clock import SystemClock

START_SECONDS = 120


class NotStarted(Exception):  # noqa: N818 - reads as what happened
    """The suite did not start; the message says what its log says."""


@asynccontextmanager
async def running_suite(home: Home, out: Console) -> AsyncIterator[str]:
    """The address of the running suite, or of one started for as long as the context lasts.

    Raises `NotStarted`.
    """
    if (address := home.address()) is not None and await _answers(address):
        out.print(f"Using the suite that runs at {address}")
        yield address
        return
    out.print(f"Starting Madang, with its data under {home.root}", soft_wrap=True)
    home.prepare()
    with home.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.cli", "run", "--port", "0",
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield await _started(process, home)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def _started(process: asyncio.subprocess.Process, home: Home) -> str:
    clock = SystemClock()
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline:
        if process.returncode is not None:
            last = home.log.read_text(errors="replace").splitlines()[-5:]
            raise NotStarted("The suite did not start; its log ends with:\n" + "\n".join(last))
        if (address := home.address()) is not None and await _answers(address):
            return address
        await asyncio.sleep(0.05)
    raise NotStarted(f"The suite did not start within {START_SECONDS} s; its log is {home.log}.")


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=2) as client:
            return (await client.get(f"{address}/health")).status_code == 200
    except httpx.TransportError:
        return False
