"""How many log-ins a second there is time for, and what a storm of them does to other calls.

    python -m tests.bench.logins

The service has one core, its database and the clients have the others. Rounds alternate between
the hash alone (one thread on that core), the service, and Express with bcrypt of cost 10 (which
has neither database nor delays). CPU time is told as well, which other programs disturb less than
they do the rate. Beside a storm of log-ins, `GET /api/auth/me` is called at a constant rate, and a
latency begins when its call was due.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import msgspec

from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.migrations import migrate
from tests.bench.measure import ROOT, Cores, Running, on_cores, serving
from tests.bench.peers import CannotHave, express

ROUNDS = 3
SECONDS = 6.0
AT_ONCE = 64
"""Log-ins under way, each by another user."""
CALLS_PER_SECOND = 50
PASSWORD = "Correct7Horse"
_HASHING = """
import sys
from time import perf_counter, process_time
from auth_service.accounts.hashes import Hashes
hashes = Hashes()
hashed, until, done = hashes.make("Correct7Horse"), perf_counter() + float(sys.argv[1]), 0
cpu = process_time()
while perf_counter() < until:
    assert hashes.verify("Correct7Horse", hashed).is_right
    done += 1
print(done, process_time() - cpu)
"""


class Connection:
    """One keep-alive connection; a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        """A connection to the server at `port`."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def call(self, method: str, path: str, body: object = None, token: str = "") -> bytes:
        """The body of the answer, which must be a success."""
        content = b"" if body is None else msgspec.json.encode(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        status, _, fields = (await self._reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        length = next(
            int(line[15:]) for line in fields.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )  # fmt: skip
        answer = await self._reader.readexactly(length)
        assert status.split()[1].startswith(b"2"), status + answer
        return answer


@dataclass(slots=True)
class Figures:
    """Of all rounds: log-ins a second, milliseconds of CPU that each takes, and milliseconds of
    the other calls, in calm and in a storm."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)
    stormy: list[float] = field(default_factory=list)


class Clients:
    """Users of one server."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self.figures = Figures()

    async def sign_up(self, *, register: bool) -> None:
        """Make the users, who then log in for the first time."""
        await self._connect()
        for user, connection in self._each():
            if register:
                wanted = {"email": f"{user}@example.com", "password": PASSWORD, "user_handle": user}
                await connection.call("POST", "/api/auth/register", wanted)
            answer = await _log_in(connection, user)
        self._token = msgspec.json.decode(answer)["access_token"]

    async def measure(self) -> None:
        """One round: other calls, a storm, and both."""
        await self._connect()
        self.figures.calm += await self._call_others()
        await self._connect()
        cpu = self._server.cpu_seconds()
        done = await self._storm()
        self.figures.rates.append(done / SECONDS)
        self.figures.cpu.append((self._server.cpu_seconds() - cpu) / done * 1000)
        await self._connect()
        storm = asyncio.ensure_future(self._storm())
        self.figures.stormy += await self._call_others()
        await storm

    async def _connect(self) -> None:
        """Anew for each part, since servers end connections that are idle."""
        self._connections = [await Connection.to(self._server.port) for _ in range(AT_ONCE)]
        self._other = [await Connection.to(self._server.port) for _ in range(16)]

    def _each(self) -> Iterator[tuple[str, Connection]]:
        return ((f"user{number}", one) for number, one in enumerate(self._connections))

    async def _storm(self) -> int:
        """How many log-ins got their answer."""
        until = perf_counter() + SECONDS
        each = (self._insist(connection, user, until) for user, connection in self._each())
        return sum(await asyncio.gather(*each))

    async def _insist(self, connection: Connection, user: str, until: float) -> int:
        await asyncio.sleep(random.random())  # nobody comes in the same millisecond
        done = 0
        while perf_counter() < until:
            await _log_in(connection, user)
            done += perf_counter() < until
        return done

    async def _call_others(self) -> list[float]:
        """Milliseconds of calls at a constant rate."""
        free, began = asyncio.Queue[Connection](), perf_counter()
        for one in self._other:
            free.put_nowait(one)

        async def call(due: float) -> float:
            await asyncio.sleep(due - perf_counter())
            connection = await free.get()
            await connection.call("GET", "/api/auth/me", token=self._token)
            free.put_nowait(connection)
            return (perf_counter() - due) * 1000

        calls = range(int(CALLS_PER_SECOND * SECONDS))
        return await asyncio.gather(*(call(began + one / CALLS_PER_SECOND) for one in calls))


async def _log_in(connection: Connection, user: str) -> bytes:
    credentials = {"username": user, "password": PASSWORD}
    return await connection.call("POST", "/api/auth/login", credentials)


def hash_alone(cores: Cores) -> tuple[float, float]:
    """On the server's core: hashes a second, and milliseconds of CPU of each."""
    done = subprocess.run(
        [sys.executable, "-c", _HASHING, str(SECONDS)],
        cwd=ROOT, capture_output=True, text=True, check=True, preexec_fn=on_cores(cores.server),
    )  # fmt: skip
    hashes, cpu = done.stdout.split()
    return int(hashes) / SECONDS, float(cpu) / int(hashes) * 1000


def print_figures(name: str, figures: Figures) -> None:
    """One line."""
    shown = [statistics.quantiles(one, n=100) for one in (figures.calm, figures.stormy)]
    (calm, calm99), (stormy, stormy99) = ((cuts[49], cuts[98]) for cuts in shown)
    print(
        f"{name:<9} {statistics.median(figures.rates):6.1f} log-ins/s, "
        f"{statistics.median(figures.cpu):5.1f} ms of CPU each   other calls: "
        f"p50 {calm:5.1f} ms, p99 {calm99:6.1f} ms; in the storm {stormy:5.1f} and {stormy99:6.1f}"
    )


async def measure(cores: Cores, url: str) -> None:
    """Rounds of everything, in turn."""
    alone: list[tuple[float, float]] = []
    with serving([sys.executable, "-m", "tests.bench.login_server", url], cores.server) as ours:
        clients = {"madang": Clients(ours)}
        await clients["madang"].sign_up(register=True)
        try:
            with serving(express()(), cores.server) as peer:
                clients["express"] = Clients(peer)
                await clients["express"].sign_up(register=False)
                await _rounds(cores, alone, clients)
        except CannotHave as reason:
            print(f"express: {reason}")
            await _rounds(cores, alone, clients)
    for name, one in clients.items():
        print_figures(name, one.figures)
    found = clients["madang"].figures
    limit, cpu = (statistics.median(one) for one in zip(*alone, strict=True))
    print(f"the hash alone: {limit:.1f}/s, {cpu:.1f} ms of CPU each")
    print(
        f"log-ins reach {statistics.median(found.rates) / limit:.0%} of it (target: 90%); "
        f"{cpu / statistics.median(found.cpu):.0%} of their CPU time is the hash"
    )


async def _rounds(
    cores: Cores, alone: list[tuple[float, float]], clients: dict[str, Clients]
) -> None:
    for _ in range(ROUNDS):
        alone.append(hash_alone(cores))
        for one in clients.values():
            await one.measure()


async def main() -> None:
    """Measure, and print."""
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, cores.others)
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        server = await EmbeddedPostgres.start(Path(folder), roles=["auth"])
        try:
            await migrate(server.url("auth"), "auth_service", "auth")
            await measure(cores, server.url("auth"))
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
