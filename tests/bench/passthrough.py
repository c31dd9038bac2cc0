"""A gigabyte through the gateway, up and down: speed, CPU and memory, with nginx in the same run.

    python -m tests.bench.passthrough [megabytes]

The client and the upstream are raw sockets on one core, the proxy has the other. The gateway has
its policies on, nginx has nothing on and streams as we do. Memory is the peak of what the proxy's
process holds, beyond what it held before. The slow reader takes 5 MB in five seconds, then the
rest. Each figure is the median of three rounds, in which the proxies take turns.
"""

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from tests.integration.gateway.support import proxying
from tests.support.gateway import TOKEN
from tests.support.loopback import free_port

MB = 1024 * 1024
ROUNDS = 3
PIECE = bytes(256 * 1024)
SLOW_SECONDS = 5.0
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}; proxy_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {url}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off; proxy_max_temp_file_size 0;
    }}
  }}
}}
"""


class _Upstream(asyncio.Protocol):
    """Sends `size` bytes for a GET, and takes as many of anything else."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._to_send = self._to_take = 0
        self._is_congested = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._to_take:
            head, _, data = data.partition(b"\r\n\r\n")
            if head.startswith(b"GET"):
                self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self._size)
                self._to_send = self._size
                self._send()
                return
            self._to_take = self._size
        self._to_take -= len(data)
        if not self._to_take:
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def pause_writing(self) -> None:
        self._is_congested = True

    def resume_writing(self) -> None:
        self._is_congested = False
        self._send()

    def _send(self) -> None:
        while self._to_send and not self._is_congested:
            piece = PIECE[: self._to_send]
            self._to_send -= len(piece)
            self._transport.write(piece)


async def _serve_upstream(size: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Upstream(size), "127.0.0.1", 0)
    _tell(server.sockets[0].getsockname()[1], "-")
    await server.serve_forever()


async def _serve_gateway(url: str) -> None:
    async with proxying(url) as port:
        _tell(port, TOKEN)
        await asyncio.Event().wait()


def _tell(port: int, token: str) -> None:
    sys.stdout.write(f"{port} {token}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: the process that does the work, its port, and a token it lets in."""

    process: psutil.Process
    port: int
    token: str

    def cpu(self) -> float:
        """Seconds so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self, kind: str) -> float:
        """Megabytes: `VmRSS` now, `VmHWM` at most since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(kind))
        return int(line.split()[1]) / 1024

    def forget_peak(self) -> None:
        """Count the peak from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@contextmanager
def _started(core: int, *arguments: str) -> Iterator[tuple[int, int, str]]:
    """A part of this program on one core: its process id, port and token."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.passthrough", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    _pin(process.pid, core)
    try:
        assert process.stdout is not None
        port, token = process.stdout.readline().split()
        yield process.pid, int(port), token
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _nginx(program: str, url: str) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        port = free_port()
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, url=url))
        Path(folder).chmod(0o777)  # its worker may be another user
        process = subprocess.Popen([program, "-c", str(config), "-e", f"{folder}/error.log"])
        try:
            worker = _first_child(process.pid)
            _pin(worker.pid, 0)
            yield Proxy(worker, port, "-")
        finally:
            process.terminate()
            process.wait()


def _first_child(pid: int) -> psutil.Process:
    while not (children := psutil.Process(pid).children()):
        time.sleep(0.05)
    return children[0]


def _pin(pid: int, core: int) -> None:
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(pid, {sorted(os.sched_getaffinity(0))[core]})


@dataclass(frozen=True, slots=True)
class Figures:
    """What one transfer took: seconds, CPU seconds of the proxy, megabytes it grew by."""

    seconds: float
    cpu: float
    growth: float


Transfer = Callable[[socket.socket, int], None]


def _measure(proxy: Proxy, method: str, transfer: Transfer, size: int) -> Figures:
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        proxy.forget_peak()
        memory, cpu, began = proxy.memory("VmRSS"), proxy.cpu(), time.perf_counter()
        length = "" if method == "GET" else f"content-length: {size}\r\n"
        head = f"{method} /api/videos HTTP/1.1\r\nhost: gate\r\n{length}"
        client.sendall(f"{head}authorization: Bearer {proxy.token}\r\n\r\n".encode())
        transfer(client, size)
        seconds = time.perf_counter() - began
    return Figures(seconds, proxy.cpu() - cpu, proxy.memory("VmHWM") - memory)


def _upload(client: socket.socket, size: int) -> None:
    for _ in range(size // len(PIECE)):
        client.sendall(PIECE)
    assert client.recv(65536).startswith(b"HTTP/1.1 200")


def _download(client: socket.socket, size: int) -> None:
    buffer = bytearray(MB)
    got = client.recv_into(buffer)
    left = size - (got - bytes(buffer[:got]).index(b"\r\n\r\n") - 4)
    while left:
        got = client.recv_into(buffer)
        assert got, "the answer was cut off"
        left -= got


def _download_slowly(client: socket.socket, size: int) -> None:
    head = client.recv(4096)
    left = size - (len(head) - head.index(b"\r\n\r\n") - 4)
    for _ in range(100):
        left -= len(client.recv(51200))
        time.sleep(SLOW_SECONDS / 100)
    buffer = bytearray(MB)
    while left:
        left -= client.recv_into(buffer)


TRANSFERS: dict[str, tuple[str, Transfer]] = {
    "upload": ("POST", _upload),
    "download": ("GET", _download),
    "slow reader": ("GET", _download_slowly),
}


def _report(size: int, proxies: dict[str, Proxy]) -> None:
    for proxy in proxies.values():  # the first of all makes buffers that stay
        _measure(proxy, "GET", _download, size)
    taken: dict[tuple[str, str], list[Figures]] = {}
    for _ in range(ROUNDS):
        for name, (method, transfer) in TRANSFERS.items():
            for kind, proxy in proxies.items():
                figures = _measure(proxy, method, transfer, size)
                taken.setdefault((name, kind), []).append(figures)
    table = Table("", "proxy", "MB/s", "CPU s per GB", "memory, MB", title=f"{size // MB} MB")
    for (name, kind), several in taken.items():
        speed = size / MB / statistics.median(one.seconds for one in several)
        cpu = statistics.median(one.cpu for one in several) * 1024 * MB / size
        growth = max(one.growth for one in several)
        shown = "" if name == "slow reader" else f"{speed:,.0f}"
        table.add_row(name, kind, shown, f"{cpu:.2f}", f"+{growth:.1f}")
    Console().print(table)


def main() -> None:
    """Measure the gateway, and nginx if it is installed."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 1024) * MB
    _pin(os.getpid(), 1)
    with ExitStack() as stack:
        _, port, _ = stack.enter_context(_started(1, "serve-upstream", str(size)))
        url = f"http://127.0.0.1:{port}"
        pid, port, token = stack.enter_context(_started(0, "serve-gateway", url))
        proxies = {"gateway": Proxy(psutil.Process(pid), port, token)}
        if program := shutil.which("nginx"):
            proxies["nginx"] = stack.enter_context(_nginx(program, url))
        _report(size, proxies)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve-upstream", size]:
            uvloop.run(_serve_upstream(int(size)))
        case ["serve-gateway", url]:
            uvloop.run(_serve_gateway(url))
        case _:
            main()
