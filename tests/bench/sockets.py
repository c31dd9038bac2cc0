"""How fast an event reaches thousands of WebSockets, and what each costs, beside Node's `ws`.

    python -m tests.bench.sockets [CONNECTIONS] [--events N] [--turns N]

Each server runs alone on one core; the clients, on another, are sockets that this process polls:
they parse nothing, so that the server is what is measured. Time goes from the signal that lets an
event happen until the last client has all of its message. Every message has the same length.

"one user" has all connections, so that one event concerns all; with "a user each" as many events
happen as there are connections, one after the other. Memory is what the server's process grew by
(RSS), a second after the last connection was opened. Medians of all events of all turns.
"""

import argparse
import os
import resource
import select
import signal
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
from rich.console import Console
from rich.table import Table

from shared.clock import SystemClock
from shared.security.principal import Principal, SessionId, UserId
from shared.security.tokens import TokenIssuer
from tests.bench import peers
from tests.bench.measure import Cores, serving
from tests.bench.servers import KEY, ORIGIN
from tests.bench.socket_servers import MESSAGE_BYTES, user

_FRAME_BYTES = MESSAGE_BYTES + 4
_PAUSE_SECONDS = 0.2
_QUIET_SECONDS = 1.0
_PATIENCE_SECONDS = 20.0

TITLES = {
    "ws": "Node, ws",
    "uvicorn": "uvicorn, websockets-sansio, bare",
    "gateway": "our gateway, one user",
    "users": "our gateway, a user each",
}


@dataclass(slots=True)
class Figures:
    """Milliseconds of each event, and KB a connection of each turn."""

    milliseconds: list[float] = field(default_factory=list)
    kilobytes: list[float] = field(default_factory=list)


class Clients:
    """Open WebSockets, polled."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        for token in tokens:
            opened = _opened(port, token)
            self._sockets[opened.fileno()] = opened
            self._poll.register(opened.fileno(), select.EPOLLIN)

    def settle(self) -> None:
        """Read what connections begin with, until nothing comes any more."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            for descriptor, _ in self._poll.poll(0.1):
                os.read(descriptor, 65536)
                quiet_since = time.monotonic()

    def wait_for_all(self) -> float:
        """When the last one has got the whole message."""
        missing = dict.fromkeys(self._sockets, _FRAME_BYTES)
        end = time.monotonic() + _PATIENCE_SECONDS
        while missing:
            if time.monotonic() > end:
                raise SystemExit(f"{len(missing)} clients heard nothing")
            for descriptor, _ in self._poll.poll(0.5):
                missing[descriptor] -= len(os.read(descriptor, 4096))
                if missing[descriptor] <= 0:
                    del missing[descriptor]
        return time.monotonic()

    def close(self) -> None:
        """Close every one."""
        self._poll.close()
        for opened in self._sockets.values():
            opened.close()


def _opened(port: int, token: str) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port))
    opened.sendall(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nOrigin: {ORIGIN}\r\n"
        "Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyAhIQ==\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        "Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += opened.recv(4096)
    if b" 101 " not in head:
        raise SystemExit(head.decode())
    return opened


@contextmanager
def _connected(port: int, tokens: list[str]) -> Iterator[Clients]:
    clients = Clients(port, tokens)
    try:
        yield clients
    finally:
        clients.close()


def _tokens(connections: int, *, users: int) -> list[str]:
    issuer = TokenIssuer(KEY, SystemClock())
    principals = [Principal(UserId(user(one)), SessionId(user(one))) for one in range(users)]
    issued = [issuer.issue(one) for one in principals]
    return issued if users > 1 else issued * connections


def _measure(
    command: list[str], tokens: list[str], events: int, cores: Cores, into: Figures
) -> None:
    with serving(command, cores.server) as server:
        before = server.process.memory_info().rss
        with _connected(server.port, tokens) as clients:
            clients.settle()
            grown = server.process.memory_info().rss - before
            into.kilobytes.append(grown / 1000 / len(tokens))
            for _ in range(events):
                time.sleep(_PAUSE_SECONDS)
                began = time.monotonic()
                server.process.send_signal(signal.SIGUSR2)
                into.milliseconds.append((clients.wait_for_all() - began) * 1000)


def _commands(connections: int, console: Console) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "tests.bench.socket_servers"]
    commands = {
        "uvicorn": [*ours, "uvicorn", str(MESSAGE_BYTES)],
        "gateway": [*ours, "gateway", "1"],
        "users": [*ours, "gateway", str(connections)],
    }
    try:
        return {"ws": peers.ws()(MESSAGE_BYTES), **commands}
    except peers.CannotHave as why:
        console.print(f"Without Node's ws: {why}")
        return commands


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("connections", type=int, nargs="?", default=5000)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--turns", type=int, default=2)
    asked = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    console = Console()
    cores = Cores.of_this_machine()
    psutil.Process().cpu_affinity(sorted(cores.others))
    commands = _commands(asked.connections, console)
    figures = {name: Figures() for name in commands}
    for _ in range(asked.turns):
        for name, command in commands.items():
            users = asked.connections if name == "users" else 1
            tokens = _tokens(asked.connections, users=users)
            _measure(command, tokens, asked.events, cores, figures[name])
    _print(figures, asked.connections, console)


def _print(figures: dict[str, Figures], connections: int, console: Console) -> None:
    table = Table(title=f"An event to {connections:,} WebSockets")
    for title in ("", "ms to the last", "of ws", "KB each"):
        table.add_column(title, justify="left" if not title else "right")
    peer = statistics.median(figures["ws"].milliseconds) if "ws" in figures else None
    for name, one in figures.items():
        middle = statistics.median(one.milliseconds)
        ratio = f"{middle / peer:.2f}" if peer else "-"
        memory = statistics.median(one.kilobytes)
        table.add_row(TITLES[name], f"{middle:.0f}", ratio, f"{memory:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
