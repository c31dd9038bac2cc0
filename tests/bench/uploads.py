"""What taking in a file costs, beside its peers in the same run.

    python -m tests.bench.uploads [MEGABYTES] [--only NAME,NAME] [--no-large]

One client sends one file after the other, as fast as it is taken. Each server runs alone on one
core, the client and PostgreSQL on the others. Ours is the content service, alone and behind the
gateway in one process, with everything on: the token is verified, limits are kept, the type is
judged by content, SHA-256 is reckoned, the file is synced to disk before the answer. Its peers
check, hash and sync nothing.

Figures are medians of three rounds in which the servers take turns; megabytes have 10^6 bytes. CPU
time is that of the server; the speed of whoever syncs depends on what else the disk has to do.
Then a file of 5 GB goes each way, and the growth of the process is told.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.postgres.embedded import EmbeddedPostgres
from shared.clock import SystemClock
from shared.db.migrations import migrate
from shared.ids import uuid7
from shared.security.principal import Principal, SessionId, UserId
from shared.security.tokens import TokenIssuer
from tests.bench.measure import Cores, Running, serving
from tests.bench.peers import CannotHave, uploads
from tests.bench.servers import KEY

ROUNDS = 3
LARGE_BYTES = 5 * 1000**3
TITLES = {
    "multer": "Express + multer, a form",
    "tus-server": "@tus/server, tus",
    "starlette": "Starlette form(), a form",
    "copy": "bare ASGI to file",
    "content-form": "ours, a form",
    "content-tus": "ours, tus",
    "gateway-form": "ours + gateway, a form",
    "gateway-tus": "ours + gateway, tus",
}
"""Every way, in the order of its turns."""
OURS = tuple(name for name in TITLES if name.startswith(("content", "gateway")))
"""Measured with the large file, too."""
_BLOCK = 1024 * 1024
_HEAD = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"
_BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW2"  # as browsers make it
_FILE = b'Content-Disposition: form-data; name="file"; filename="a.mp4"'
_FORM = b"--%b\r\n%b\r\n\r\n" % (_BOUNDARY, _FILE)
_FORM_END = b"\r\n--%b--\r\n" % _BOUNDARY


@dataclass(slots=True)
class Cost:
    """Of each round: CPU seconds of the server and seconds of the client, for so many bytes."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


class Client:
    """Sends files from memory over a plain socket."""

    def __init__(self, port: int) -> None:
        self._port = port
        issuer = TokenIssuer(KEY, SystemClock())
        self._token = issuer.issue(Principal(UserId(uuid7()), SessionId(uuid7())))
        self._block = os.urandom(_BLOCK)

    def form(self, size: int) -> str:
        """Send a file as a form; the path of the video, where there is one."""
        length = len(_FORM) + size + len(_FORM_END)
        fields = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY.decode()}"}
        with self._connected() as connection:
            self._head(connection, "POST /api/videos", length, fields)
            connection.sendall(_FORM)
            self._file(connection, size)
            connection.sendall(_FORM_END)
            _, body = _answer(connection, 201)
        return f"/api/videos/{json.loads(body)['id']}" if b'"id"' in body else ""

    def tus(self, size: int) -> str:
        """Send a file in one part; the path of the video, where there is one."""
        fields = {"Tus-Resumable": "1.0.0"}
        with self._connected() as connection:
            self._head(connection, "POST /api/uploads", 0, {**fields, "Upload-Length": str(size)})
            headers, _ = _answer(connection, 201)
            fields |= {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            self._head(connection, f"PATCH {headers['location']}", size, fields)
            self._file(connection, size)
            headers, _ = _answer(connection, 204)
        assert headers["upload-offset"] == str(size)
        return headers.get("content-location", "")

    def delete(self, path: str) -> None:
        """Remove the video."""
        with self._connected() as connection:
            self._head(connection, f"DELETE {path}", 0, {})
            _answer(connection, 204)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            yield connection

    def _head(
        self, connection: socket.socket, line: str, length: int, fields: dict[str, str]
    ) -> None:
        common = {
            "Host": "localhost", "Authorization": f"Bearer {self._token}",
            "Content-Length": str(length),
        }  # fmt: skip
        lines = [f"{name}: {value}" for name, value in {**common, **fields}.items()]
        connection.sendall("\r\n".join([f"{line} HTTP/1.1", *lines, "", ""]).encode())

    def _file(self, connection: socket.socket, size: int) -> None:
        connection.sendall(_HEAD)
        left = size - len(_HEAD)
        while left:
            left -= len(block := self._block if left >= _BLOCK else self._block[:left])
            connection.sendall(block)


def _answer(connection: socket.socket, wanted: int) -> tuple[dict[str, str], bytes]:
    """The headers and the body of the answer; fails unless it has the status that is wanted."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    if f" {wanted} " not in f"{status} ":
        raise SystemExit(f"{status}: {body.decode()}")
    return headers, body


def _commands(database_url: str, folder: Path) -> dict[str, list[str]]:
    """What starts each server, as far as it can be had."""
    ours = [sys.executable, "-m", "tests.bench.upload_servers"]
    found = {
        "starlette": [*ours, "starlette", str(folder)],
        "copy": [*ours, "copy", str(folder)],
        "content": [*ours, "content", database_url, str(folder)],
        "gateway": [*ours, "gateway", database_url, str(folder)],
    }
    try:
        node = uploads()
    except CannotHave as reason:
        Console().print(f"Without peers for Node: {reason}")
        return found
    return {"multer": node("multer", folder), "tus-server": node("tus", folder), **found}


def _server_of(name: str) -> str:
    return name.removesuffix("-form").removesuffix("-tus")


def _send_of(name: str, client: Client) -> Callable[[int], str]:
    return client.tus if name.startswith("tus") or name.endswith("-tus") else client.form


def _measure(name: str, running: Running, folder: Path, size: int, cost: Cost) -> None:
    client = Client(running.port)
    _clean(client, _send_of(name, client)(size // 10), folder)  # warm up
    cpu, began = _cpu(running), time.perf_counter()
    path = _send_of(name, client)(size)
    cost.wall.append(time.perf_counter() - began)
    cost.cpu.append(_cpu(running) - cpu)
    _clean(client, path, folder)


def _cpu(running: Running) -> float:
    """Of the server itself: what examines videos has its own processes."""
    times = running.process.cpu_times()
    total: float = times.user + times.system
    return total


def _clean(client: Client, path: str, folder: Path) -> None:
    if path:
        client.delete(path)
    for left in folder.iterdir():
        if left.is_file():
            left.unlink()
    os.sync()  # what one has left to the disk does not slow the next one


def _growth(name: str, running: Running, folder: Path) -> float:
    """By how many megabytes the server grows while it takes in the large file."""
    client = Client(running.port)
    send = _send_of(name, client)
    _clean(client, send(100_000_000), folder)
    before = float(running.process.memory_info().rss)
    peak, done = 0.0, False

    async def run() -> None:
        nonlocal peak, done

        async def watch() -> None:
            nonlocal peak
            while not done:
                peak = max(peak, running.process.memory_info().rss)
                await asyncio.sleep(0.02)

        watching = asyncio.ensure_future(watch())
        path = await asyncio.to_thread(send, LARGE_BYTES)
        done = True
        await watching
        await asyncio.to_thread(_clean, client, path, folder)

    asyncio.run(run())
    return (peak - before) / 1e6


@contextmanager
def _database(cores: Cores) -> Iterator[str]:
    """The URL of content's schema on a server of our own."""
    os.sched_setaffinity(0, cores.others)  # PostgreSQL inherits it
    folder = Path(tempfile.mkdtemp(prefix="madang-bench-"))
    folder.chmod(0o711)
    postgres = asyncio.run(EmbeddedPostgres.start(folder, roles=("content",)))
    try:
        url = postgres.url("content")
        asyncio.run(migrate(url, "content_service", "content"))
        yield url
    finally:
        asyncio.run(postgres.stop())
        shutil.rmtree(folder)


def _ratio(figures: dict[str, float], name: str, peer: str) -> str:
    return f"{figures[name] / figures[peer]:.2f}" if peer in figures else "-"


def _print(console: Console, costs: dict[str, Cost], size: int) -> None:
    table = Table(title=f"{size / 1e6:.0f} MB, one after the other, median of {ROUNDS} rounds")
    table.add_column("server", no_wrap=True)
    for column in ("CPU s/GB", "multer=1", "MB/s", "multer=1", "copy=1"):
        table.add_column(column, justify="right", no_wrap=True)
    speed = {name: size / 1e6 / statistics.median(cost.wall) for name, cost in costs.items()}
    cpu = {name: statistics.median(cost.cpu) / size * 1e9 for name, cost in costs.items()}
    for name in costs:
        table.add_row(
            TITLES[name],
            f"{cpu[name]:.2f}", _ratio(cpu, name, "multer"),
            f"{speed[name]:.0f}", _ratio(speed, name, "multer"), _ratio(speed, name, "copy"),
        )  # fmt: skip
    console.print(table)


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description="What taking in a file costs.")
    parser.add_argument("megabytes", nargs="?", type=int, default=500)
    parser.add_argument("--only", type=lambda names: names.split(","), help=", ".join(TITLES))
    parser.add_argument("--no-large", action="store_true", help="leave the file of 5 GB out")
    given = parser.parse_args()
    console, cores = Console(), Cores.of_this_machine()
    size = given.megabytes * 1_000_000
    with ExitStack() as stack:
        url = stack.enter_context(_database(cores))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-")))
        commands = _commands(url, folder)
        names = [
            name for name in TITLES
            if _server_of(name) in commands and (given.only is None or name in given.only)
        ]  # fmt: skip
        costs = {name: Cost() for name in names}
        for name in names * ROUNDS:
            with serving(commands[_server_of(name)], cores.server) as running:
                _measure(name, running, folder, size, costs[name])
        _print(console, costs, size)
        for name in names if not given.no_large else []:
            if name in OURS:
                with serving(commands[_server_of(name)], cores.server) as running:
                    grown = _growth(name, running, folder)
                    console.print(f"{TITLES[name]}: 5 GB let it grow by {grown:.0f} MB (limit 50)")


if __name__ == "__main__":
    main()
