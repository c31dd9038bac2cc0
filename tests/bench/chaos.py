"""What the other services' callers notice of one that is sick: their calls' times, side by side.

    python -m tests.bench.chaos [seconds]

The gateway and three upstreams are processes of their own. Eight clients call each of two services
fifty times a second, and eight call the third, which is well in one round and sick in the
next: killed (-9), hung (stopped), slow (5 s an answer), or full of garbage; the first row, in which
it is well in both, tells how much the machine itself makes of the ratio. Each figure is the
median of five pairs of rounds in the same run; `ratio` is the median of the pairs' ratios.
"""

import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvloop
from rich.console import Console
from rich.table import Table

from gateway.access_log import AccessLog
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.observability import logging
from tests.support.gateway import CLOCK, TOKEN, gateway
from tests.support.proxied import served
from tests.support.sick_upstream import SickUpstream

PAIRS = 5
CLIENTS = 8
PAUSE = 0.02
PATHS = {"auth": "/api/auth/me", "content": "/api/videos", "jobs": "/api/jobs"}
VICTIM = "content"
ILLNESSES = ("well", "killed", "hung", "slow", "garbage")
LIMITS = Limits(silence=1.0)


async def _serve(urls: list[str]) -> None:
    logging.configure("gateway")
    pools = {
        name: Pool(name, Origin.of(url), LIMITS, CLOCK)
        for name, url in zip(PATHS, urls, strict=True)
    }
    upstreams = {name: Proxy(pool) for name, pool in pools.items()}
    log = AccessLog(lambda lines: None)
    async with served(gateway(upstreams, access_log=log)) as (port, _):
        sys.stdout.write(f"{port} {TOKEN}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


@contextmanager
def _gateway(urls: list[str]) -> Iterator[tuple[int, str]]:
    """The gateway's port, and a token that it lets in."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.chaos", "serve", *urls],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port, token = process.stdout.readline().split()
        yield int(port), token
    finally:
        process.kill()
        process.communicate()


async def _client(port: int, token: str, path: str, end: float) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = f"GET {path} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    while time.perf_counter() < end:
        began = time.perf_counter()
        writer.write(asked)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        taken.append((time.perf_counter() - began) * 1000)
        if path != PATHS[VICTIM] and not head.startswith(b"http/1.1 200"):
            raise AssertionError(f"{path} was answered with {head!r}")
        await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE)  # or they come in bursts
    writer.close()
    return taken


async def _round(port: int, token: str, seconds: float) -> list[float]:
    """The times of the other services' calls."""
    end = time.perf_counter() + seconds
    clients = {
        name: [_client(port, token, path, end) for _ in range(CLIENTS)]
        for name, path in PATHS.items()
    }
    found = await asyncio.gather(*(one for several in clients.values() for one in several))
    names = [name for name in clients for _ in range(CLIENTS)]
    pairs = zip(names, found, strict=True)
    return [one for name, taken in pairs if name != VICTIM for one in taken]


def _percentile(taken: list[float], percent: int) -> float:
    return statistics.quantiles(taken, n=100)[percent - 1]


async def _measure(port: int, token: str, victim: SickUpstream, seconds: float) -> None:
    table = Table("", "p50 well", "p50 sick", "p99 well", "p99 sick", "ratio of p99")
    for illness in ILLNESSES:
        well: list[list[float]] = []
        sick: list[list[float]] = []
        for number in range(2 * PAIRS):
            is_sick = number % 4 in (1, 2)  # well, sick, sick, well: neither is always the first
            victim.become(illness if is_sick else "well")
            await _round(port, token, 1.5)  # until the breaker knows
            (sick if is_sick else well).append(await _round(port, token, seconds))
            victim.become("well")
        table.add_row(illness, *_row(well, sick))
    Console().print(table)


def _row(well: list[list[float]], sick: list[list[float]]) -> list[str]:
    cells = []
    for percent in (50, 99):
        for several in (well, sick):
            median = statistics.median(_percentile(taken, percent) for taken in several)
            cells.append(f"{median:.2f} ms")
    ratios = [
        _percentile(one, 99) / _percentile(other, 99) for one, other in zip(sick, well, strict=True)
    ]
    return [*cells, f"{statistics.median(ratios):.2f}"]


def main() -> None:
    """Measure every illness."""
    seconds = float(sys.argv[1] if len(sys.argv) > 1 else 6)
    with ExitStack() as stack:
        services = [SickUpstream() for _ in PATHS]
        for service in services:
            stack.callback(service.kill)
            service.become("well")
        port, token = stack.enter_context(_gateway([service.url for service in services]))
        victim = services[list(PATHS).index(VICTIM)]
        uvloop.run(_measure(port, token, victim, seconds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(_serve(sys.argv[2:]))
    else:
        main()
