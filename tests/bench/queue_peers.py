"""What a job is measured beside: Procrastinate alone, and the same transaction the usual way."""

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import jwt
import psutil
from sqlalchemy import text

from shared.db.database import Database
from tests.bench.jobs_load import Load
from tests.bench.peers import CACHE, CannotHave
from tests.support.loopback import free_port

_PROJECT = Path(__file__).parent / "peers" / "queues"
_SECRET = "a secret of the benchmark, of 32 bytes"
_DONE = text("SELECT count(*) AS jobs FROM usual_jobs WHERE status = 'succeeded'")


def environment() -> Path:
    """A Python with what the peers need, as their lock file says; raises `CannotHave`."""
    lock = _PROJECT / "requirements.lock"
    home = CACHE / f"queues-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        _run([str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(lock)])
        (home / "installed").touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotHave(f"{' '.join(command)} failed: {done.stderr[-300:]}")


class Spent(NamedTuple):
    """Microseconds of CPU per job, of the peer's processes and of PostgreSQL."""

    ours: float
    postgres: float


def procrastinate(python: Path, url: str, tasks: int, postgres: psutil.Process) -> Spent:
    """What a task costs who defers it and who does it."""
    env = {**os.environ, "DATABASE_URL": url.replace("+asyncpg", "")}
    before, ours = seconds_of(postgres), 0.0
    for command in (["defer", str(tasks)], ["work"]):
        program = [str(python), str(_PROJECT / "bare_procrastinate.py"), *command]
        ours += _cpu_of(program, env) - _cpu_of([*program[:2], "defer", "0"], env)
    return Spent(ours / tasks * 1e6, (seconds_of(postgres) - before) / tasks * 1e6)


def _cpu_of(command: list[str], env: Mapping[str, str]) -> float:
    before = os.times()
    subprocess.run(command, env=env, check=True, capture_output=True, cwd=_PROJECT)
    after = os.times()
    return (
        after.children_user + after.children_system
        - before.children_user - before.children_system
    )  # fmt: skip


def seconds_of(process: psutil.Process) -> float:
    """CPU seconds of a process, its children, and those that have ended."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        total += times.children_user + times.children_system if one == process else 0.0
    return total


@contextmanager
def usual(python: Path, url: str, amqp_url: str, users: list[UUID]) -> Iterator["Usual"]:
    """The server and its worker."""
    port = free_port()
    env = {
        **os.environ,
        "DATABASE_URL": url.replace("+asyncpg", "+psycopg"),
        "AMQP_URL": amqp_url,
        "SECRET": _SECRET,
        "PORT": str(port),
        "USERS": ",".join(map(str, users)),
    }
    server = subprocess.Popen([str(python), "usual.py", "serve"], cwd=_PROJECT, env=env)
    _await_port(port)
    celery = ["celery", "-A", "usual:celery", "worker", "-c", "2", "-l", "warning"]
    calm = ["--without-gossip", "--without-mingle"]
    worker = subprocess.Popen([str(python), "-m", *celery, *calm], cwd=_PROJECT, env=env)
    try:
        yield Usual(f"http://127.0.0.1:{port}", server, worker, users)
    finally:
        for process in (worker, server):
            process.terminate()
            process.wait(30)


@dataclass(frozen=True, slots=True)
class Usual:
    """A server at `address`, and its worker."""

    address: str
    server: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    users: list[UUID]

    async def throughput(self, database: Database, jobs: int, postgres: psutil.Process) -> Spent:
        """Submit so many, and wait until they are done."""
        tokens = [jwt.encode({"sub": str(one)}, _SECRET, "HS256") for one in self.users]
        videos = [uuid4() for _ in range(jobs)]
        load = Load(self.address, [(token, videos) for token in tokens])
        before = [self._cpu(), seconds_of(postgres)]
        done = await _done(database) + jobs
        await asyncio.to_thread(load.run, jobs, 0.0)
        async with asyncio.timeout(120):
            while await _done(database) < done:
                await asyncio.sleep(0.1)
        after = [self._cpu(), seconds_of(postgres)]
        ours, theirs = (
            (end - begin) / jobs * 1e6 for begin, end in zip(before, after, strict=True)
        )
        return Spent(ours, theirs)

    def _cpu(self) -> float:
        return sum(seconds_of(psutil.Process(one.pid)) for one in (self.server, self.worker))


async def _done(database: Database) -> int:
    row = await database.one(_DONE)
    return int(row.jobs) if row else 0


def _await_port(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The usual server did not start.")
