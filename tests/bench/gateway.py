"""CPU of the gateway per proxied request, beside a naive proxy and a bare uvicorn in the same run.

    python -m tests.bench.gateway [seconds]

32 connections ask for 1 KB of JSON; each server runs alone on one core, the upstream and the load
on the others. The gateway has everything on: CORS for a listed origin, a user's token, request
ids, security headers, the access log (written to a file). The naive proxy (Starlette and a
streaming httpx client) and the bare uvicorn (which answers by itself) have nothing on. Each figure
is the median of three rounds, in which the servers take turns. Absolute figures move with the
machine and with what else it does; the ratios hold better.
"""

import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import uvicorn
import uvloop
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access_log import AccessLog, to_standard_error
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from tests.support.gateway import CLOCK, ORIGIN, TOKEN, everywhere, gateway

CONNECTIONS = 32
ROUNDS = 3
BODY = b'{"text":"' + b"a" * 1013 + b'"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
ANSWER = b"HTTP/1.1 200 OK\r\n%s\r\n" % b"".join(b"%s: %s\r\n" % field for field in HEADERS) + BODY
SERVERS = {
    "bare": "uvicorn alone, no proxy",
    "gateway": "our gateway, everything on",
    "naive": "Starlette + httpx, nothing on",
}


class _Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def _serve_upstream() -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0)
    _tell(f"{server.sockets[0].getsockname()[1]} -")
    await server.serve_forever()


def _gateway(url: str) -> ASGIApp:
    pool = Pool("content", Origin.of(url), Limits(), CLOCK)
    return gateway(everywhere(Proxy(pool)), access_log=AccessLog(to_standard_error))


def _naive(url: str) -> ASGIApp:
    client = httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=CONNECTIONS))

    async def forward(request: Request) -> StreamingResponse:
        asked = client.build_request(
            request.method,
            request.url.path,
            params=request.query_params,
            headers=request.headers.raw,
            content=request.stream(),
        )
        answer = await client.send(asked, stream=True)
        return StreamingResponse(answer.aiter_raw(), answer.status_code, dict(answer.headers))

    return Starlette(routes=[Route("/{path:path}", forward)])


def _bare(_: str) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})

    return app


async def _serve(app: ASGIApp) -> None:
    config = uvicorn.Config(
        app, http="httptools", lifespan="off", access_log=False, server_header=False,
        proxy_headers=False, log_level="warning",
    )  # fmt: skip
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(CONNECTIONS * 2)
        _tell(f"{bound.getsockname()[1]} {TOKEN}")
        await uvicorn.Server(config).serve([bound])


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Running:
    """A child process that serves."""

    pid: int
    port: int
    token: str

    def cpu_seconds(self) -> float:
        """User and system time it has taken so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _child(core: int, *arguments: str) -> Iterator[Running]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.gateway", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        try:
            port, token = process.stdout.readline().split()
            yield Running(process.pid, int(port), token)
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def _load(server: Running, cores: set[int], seconds: float) -> int:
    """Load `server`; how many requests it answered."""
    url = f"http://127.0.0.1:{server.port}/api/videos/1"
    headers = [f"Origin: {ORIGIN}", f"Authorization: Bearer {server.token}", "Accept: */*"]
    if shutil.which("wrk"):
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s"]
        command += [part for header in headers for part in ("-H", header)] + [url]
        pattern = r"(\d+) requests in"
    else:
        command = [sys.executable, "-m", "tests.bench.gateway", "load", url, f"{seconds}", *headers]
        pattern = r"(\d+)"
    done = subprocess.run(
        command, capture_output=True, text=True, check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"not every answer was a 200:\n{done.stdout}")
    found = re.search(pattern, done.stdout)
    assert found is not None
    return int(found[1])


async def _load_here(url: str, seconds: float, headers: list[str]) -> None:
    """Our own load, for where wrk is not installed."""
    host, _, path = url.removeprefix("http://").partition("/")
    request = "\r\n".join([f"GET /{path} HTTP/1.1", f"host: {host}", *headers, "", ""]).encode()
    port = int(host.rpartition(":")[2])
    end = time.monotonic() + seconds
    answered = 0

    async def connection() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(len(BODY))
            answered += 1
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    _tell(str(answered))


def _measure(server: Running, cores: set[int], seconds: float) -> tuple[float, float]:
    """Microseconds of CPU per request, and requests per second."""
    before = server.cpu_seconds()
    answered = _load(server, cores, seconds)
    return (server.cpu_seconds() - before) / answered * 1e6, answered / seconds


def _compare(seconds: float) -> None:
    core, *rest = sorted(os.sched_getaffinity(0))
    others = set(rest) or {core}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    with _child(min(others), "upstream") as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        for _ in range(ROUNDS):
            for name in SERVERS:
                with _child(core, name, url) as server:
                    _measure(server, others, 1)  # warm up
                    figures[name].append(_measure(server, others, seconds))
    _print(figures)


def _print(figures: dict[str, list[tuple[float, float]]]) -> None:
    medians = {
        name: statistics.median(cpu for cpu, _ in rounds) for name, rounds in figures.items()
    }
    generator = "wrk" if shutil.which("wrk") else "our own load (wrk is not installed)"
    table = Table(title=f"1 KB JSON, {CONNECTIONS} connections, load by {generator}")
    for column in ("server", "CPU us per request", "requests/s", "gateway = 1"):
        table.add_column(column, justify="left" if column == "server" else "right")
    for name, title in SERVERS.items():
        rate = statistics.median(rate for _, rate in figures[name])
        ratio = medians[name] / medians["gateway"]
        table.add_row(title, f"{medians[name]:.0f}", f"{rate:,.0f}", f"{ratio:.2f}")
    Console().print(table)


def main(arguments: list[str]) -> None:
    """Compare, or play one of the parts in a child process."""
    match arguments:
        case ["upstream"]:
            uvloop.run(_serve_upstream())
        case [name, url] if name in SERVERS:
            app = {"bare": _bare, "gateway": _gateway, "naive": _naive}[name](url)
            uvloop.run(_serve(app))
        case ["load", url, seconds, *headers]:
            uvloop.run(_load_here(url, float(seconds), headers))
        case _:
            _compare(float(arguments[0]) if arguments else 5.0)


if __name__ == "__main__":
    main(sys.argv[1:])
