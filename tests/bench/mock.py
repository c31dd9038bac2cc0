"""Mock mode: milliseconds until it answers after its start, and of its answers.

    python -m tests.bench.mock [seconds]

32 connections ask one after the other without a pause, each a list, one job, a job that is
submitted and an error on demand in turn, with a token and an Origin: as much as one process
answers, so that a request waits for 31 others. The load is our own (plain asyncio streams on
uvloop) and on another core where there is one.
"""

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from tests.support.loopback import free_port
from tests.support.suite import ROOT

CONNECTIONS = 32
STARTS = 5
ORIGIN = "https://app.example"
ID = "01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"
JOB = b'{"type": "captions", "video_id": "%s"}' % ID.encode()


def _request(line: str, body: bytes = b"", *headers: str) -> bytes:
    fields = [
        "Host: localhost",
        f"Origin: {ORIGIN}",
        "Authorization: Bearer any",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([f"{line} HTTP/1.1", *fields, "", ""]).encode() + body


REQUESTS = (
    (_request("GET /api/videos?limit=20"), b"HTTP/1.1 200"),
    (_request(f"GET /api/jobs/{ID}"), b"HTTP/1.1 200"),
    (_request("POST /api/jobs", JOB), b"HTTP/1.1 202"),
    (_request("POST /api/jobs", JOB, "Prefer: code=402"), b"HTTP/1.1 402"),
)


@contextmanager
def _mock(port: int) -> Iterator[psutil.Process]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "USE_MOCK_API": "true",
                "ALLOWED_ORIGINS": ORIGIN,
                "PORT": str(port),
            },
            stdout=log,
            stderr=log,
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def _wait(port: int, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    with httpx.Client() as client:
        while time.monotonic() < end:
            try:
                client.get(f"http://127.0.0.1:{port}/health").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.005)
            else:
                return
    raise SystemExit("mock mode did not start")


def _start() -> float:
    """Milliseconds from the start of the process to its first answer."""
    port = free_port()
    began = time.perf_counter()
    with _mock(port):
        _wait(port)
        return (time.perf_counter() - began) * 1000


async def _load(port: int, seconds: float) -> list[float]:
    """Milliseconds of every answer."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def connection(offset: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        calls = itertools.islice(itertools.cycle(REQUESTS), offset, None)
        while (began := time.perf_counter()) < end:
            request, wanted = next(calls)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(wanted), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            taken.append((time.perf_counter() - began) * 1000)
        writer.close()

    await asyncio.gather(*(connection(number) for number in range(CONNECTIONS)))
    return taken


def _measure(seconds: float) -> tuple[list[float], float]:
    """Milliseconds of every answer, and megabytes of the process after them."""
    first, *others = sorted(os.sched_getaffinity(0))
    port = free_port()
    with _mock(port) as process:
        process.cpu_affinity([first])
        os.sched_setaffinity(0, others or [first])
        _wait(port)
        uvloop.run(_load(port, 1))  # warm up
        return uvloop.run(_load(port, seconds)), process.memory_info().rss / 1e6


def main(seconds: float = 5) -> None:
    """Measure, and print a table."""
    starts = [_start() for _ in range(STARTS)]
    taken, memory = _measure(seconds)
    cuts = statistics.quantiles(taken, n=1000)
    table = Table(title=f"Mock mode, {CONNECTIONS} connections without a pause")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_row("start to first answer, median of five", f"{statistics.median(starts):.0f} ms")
    table.add_row("answers a second", f"{len(taken) / seconds:,.0f}")
    for name, index in (("p50", 499), ("p95", 949), ("p99", 989)):
        table.add_row(f"an answer, {name}", f"{cuts[index]:.1f} ms")
    table.add_row("memory", f"{memory:.0f} MB")
    Console().print(table)


if __name__ == "__main__":
    main(*(float(one) for one in sys.argv[1:]))
