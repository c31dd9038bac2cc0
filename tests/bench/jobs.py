"""What a job costs all our processes, from its submission to its captured credits.

    python -m tests.bench.jobs [JOBS] [--waiting 100000] [--profile NAME]

The split suite with RabbitMQ and PostgreSQL (its usual durability): gateway, jobs and worker as
processes, and jobs whose work takes no time, submitted through the gateway by 32 users at once.
CPU is that of each process of ours from the first submission until the last job has succeeded;
PostgreSQL's and RabbitMQ's are told apart. `--waiting` puts so many jobs of other users, which are
to run later or whose users are at their limit, into the queue before.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from uuid import UUID

import httpx
import psutil
from sqlalchemy import text

from deploy.postgres.embedded import EmbeddedPostgres
from jobs_service.credits.domain import Entry, EntryKind
from jobs_service.credits.repository import Credits
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.bench.jobs_load import Load
from tests.bench.peers import CannotHave
from tests.bench.queue_peers import Spent, environment, procrastinate, usual
from tests.support.rabbitmq import a_broker
from tests.support.suite import SETTINGS, Process, Suite, start_split

USERS = 32
ROUNDS = 3
_OURS = ("gateway", "jobs", "worker", "auth", "content")
_SETTINGS = {
    **SETTINGS,
    "LEASE_SECONDS": "60",
    "LOG_LEVEL": "WARNING",
    "RUNNING_JOBS_PER_USER": "1000",
    "WORKER_CONCURRENCY": "16",
    "RATE_LIMIT_GENERATE_PER_MINUTE": "1000000",
    "RATE_LIMIT_REST_PER_MINUTE": "1000000",
}
_ADD_VIDEOS = text(
    "INSERT INTO videos SELECT unnest(cast(:ids as uuid[])), :owner, 30, true, true, 1"
)
_UNDER_WAY = text("SELECT count(*) FROM lanes WHERE waiting > 0 OR running > 0")
_DONE = text("SELECT count(*) AS jobs FROM jobs WHERE status = 'succeeded'")
_FILL = text(
    """
    INSERT INTO jobs (id, owner_id, type, video_id, language, request, same_as, status, price,
                      run_after, due)
    SELECT gen_random_uuid(), owners.id, 'captions', gen_random_uuid(), 'en', '{}', number::text,
           'queued', 1, now(), true
    FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, :users)) owners,
         generate_series(1, :each) number
    """
)
_BLOCK = text("UPDATE lanes SET running = 1000000 WHERE waiting >= :each")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who submits jobs, with a token and videos that have none yet."""

    id: UserId
    token: str
    videos: list[UUID]


class Bench:
    """A suite, and what it has used."""

    def __init__(self, suite: Suite, database: Database, postgres: psutil.Process) -> None:
        self._suite = suite
        self._database = database
        self._postgres = postgres

    def cpu(self) -> dict[str, float]:
        """Seconds by process."""
        used = {name: _seconds(psutil.Process(self._suite.processes[name].pid)) for name in _OURS}
        used["postgres"] = sum(map(_seconds, _with_children(self._postgres)))
        used["rabbitmq"] = sum(
            _seconds(one) for one in _with_children(psutil.Process()) if "beam" in one.name()
        )
        return used

    async def users(self, jobs: int) -> list[User]:
        """So many users that they can submit `jobs` each once."""
        async with self._suite.client() as http:
            return [await self._user(http, number, jobs) for number in range(USERS)]

    async def _user(self, http: httpx.AsyncClient, number: int, jobs: int) -> User:
        email, password = f"bench-{uuid7().hex[-12:]}@example.com", "Correct7Horse"
        body = {"email": email, "password": password, "user_handle": f"b{uuid7().hex[-10:]}"}
        owner = UserId(
            UUID((await http.post("/api/auth/register", json=body)).json()["user"]["id"])
        )
        form = {"username": email, "password": password}
        tokens = (await http.post("/api/auth/login", data=form)).json()
        videos = [uuid7() for _ in range(jobs)]
        await self._database.run(_ADD_VIDEOS, {"ids": videos, "owner": owner})
        async with self._database.transaction() as tx:
            await Credits(tx).record(Entry(owner, EntryKind.GRANT, 10 * jobs, 0, "bench"))
        return User(owner, tokens["access_token"], videos)

    async def fill(self, waiting: int) -> None:
        """Put so many jobs of 1,000 users into the queue; none of them can be taken up."""
        if waiting:
            each = waiting // 1000
            await self._database.run(_FILL, {"users": 1000, "each": each})
            await self._database.run(_BLOCK, {"each": each})
            await self._database.run(text("ANALYZE jobs"))
            await self._database.run(text("ANALYZE lanes"))

    async def done(self) -> int:
        row = await self._database.one(_DONE)
        return int(row.jobs) if row else 0

    async def all_done(self, jobs: int) -> None:
        """Wait until so many jobs have succeeded."""
        async with asyncio.timeout(120):
            while await self.done() < jobs:
                await asyncio.sleep(0.1)

    async def throughput(self, users: list[User], jobs: int) -> dict[str, float]:
        """Microseconds of CPU per job, by process, while as many are submitted as are accepted."""
        before, done, started = self.cpu(), await self.done(), perf_counter()
        load = Load(self._suite.address, [(one.token, one.videos) for one in users])
        latencies = await asyncio.to_thread(load.run, jobs, 0.0)
        submitted = perf_counter() - started
        await self.all_done(done + jobs)
        took = perf_counter() - started
        used = {name: (spent - before[name]) / jobs * 1e6 for name, spent in self.cpu().items()}
        cuts = quantiles(latencies, n=100)
        used |= {"submit/s": jobs / submitted, "jobs/s": jobs / took}
        return used | {"p50 ms": cuts[49] * 1000, "p99 ms": cuts[98] * 1000}

    async def at_rate(self, users: list[User], jobs: int, rate: float) -> tuple[float, float]:
        """Milliseconds of p50 and p99 of submissions at a constant rate."""
        done = await self.done()
        load = Load(self._suite.address, [(one.token, one.videos) for one in users])
        latencies = await asyncio.to_thread(load.run, jobs, rate)
        await self.all_done(done + jobs)
        cuts = quantiles(latencies, n=100)
        return cuts[49] * 1000, cuts[98] * 1000

    async def idle_starts(self, user: User, jobs: int) -> tuple[float, float]:
        """Milliseconds from a submission to the start of its job, nothing else being done."""
        load = Load(self._suite.address, [(user.token, user.videos)])
        started = await asyncio.to_thread(load.run_apart, jobs, 0.05)
        await asyncio.sleep(0.5)
        rows = await self._database.all(
            text(
                "SELECT extract(epoch FROM started_at) AS at FROM jobs WHERE owner_id = :owner"
                " ORDER BY id DESC LIMIT :jobs"
            ),
            {"owner": user.id, "jobs": jobs},
        )
        waited = [float(row.at) - sent for row, sent in zip(reversed(rows), started, strict=True)]
        cuts = quantiles(waited, n=100)
        return cuts[49] * 1000, cuts[98] * 1000


@dataclass(frozen=True, slots=True)
class Peers:
    """What is measured in the same run, against the same servers."""

    url: str
    amqp_url: str
    postgres: psutil.Process

    async def measure(self, jobs: int, ours: float) -> None:
        """Print what a job costs there, and us beside it."""
        try:
            python = await asyncio.to_thread(environment)
        except CannotHave as lack:
            print(f"  without peers: {lack}")
            return
        bare = await asyncio.to_thread(procrastinate, python, self.url, jobs, self.postgres)
        _beside("Procrastinate alone", bare, ours)
        database = Database(self.url, schema="peers", source="bench", pool_size=2)
        try:
            users = [uuid7() for _ in range(USERS)]
            with usual(python, self.url, self.amqp_url, users) as orm:
                await orm.throughput(database, jobs // 4, self.postgres)
                rounds = [
                    await orm.throughput(database, jobs, self.postgres) for _ in range(ROUNDS)
                ]
        finally:
            await database.close()
        _beside("ORM and Celery", Spent(*map(median, zip(*rounds, strict=True))), ours)


def _beside(name: str, peer: Spent, ours: float) -> None:
    cost = f"{peer.ours:,.0f} us of CPU a job (postgres {peer.postgres:,.0f})"
    print(f"  {name}: {cost}; ours is {ours / peer.ours:.2f} of it", flush=True)


def _postmaster(home: Path) -> int:
    return int(next(home.rglob("postmaster.pid")).read_text().split()[0])


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@asynccontextmanager
async def a_bench() -> AsyncIterator[tuple[Bench, Peers]]:
    """The split suite, with a worker that does no work; and what it is measured beside."""
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        home = Path(folder)
        home.chmod(0o711)  # noqa: ASYNC240 - PostgreSQL may run as a user of its own
        postgres = await EmbeddedPostgres.start(
            home / "postgres", roles=["auth", "content", "jobs", "peers"]
        )
        rabbitmq = a_broker()
        rabbitmq.start()
        suite = await start_split(postgres, rabbitmq.url, _SETTINGS)
        database = Database(postgres.url("jobs"), schema="jobs", source="bench", pool_size=4)
        try:
            worker = suite.processes["worker"]
            worker.stop()
            idle = Process(["-m", "tests.bench.jobs_worker"], worker.env, worker.log)
            suite.processes["worker"] = idle
            idle.start()
            await suite.wait_ready("worker")
            pid = _postmaster(home)
            peers = Peers(postgres.url("peers"), rabbitmq.url, psutil.Process(pid))
            yield Bench(suite, database, psutil.Process(pid)), peers
        finally:
            await database.close()
            suite.stop()
            rabbitmq.close()
            await postgres.stop()


async def measure(jobs: int, waiting: int) -> None:
    """Print what was measured, with and without so many jobs that wait."""
    async with a_bench() as (bench, peers):
        users = await bench.users(6 * ROUNDS * jobs // USERS)
        await bench.throughput(users, jobs // 2)
        for queued in (0, waiting):
            await bench.fill(queued)
            rounds = [await bench.throughput(users, jobs) for _ in range(ROUNDS)]
            each = {name: median(one[name] for one in rounds) for name in rounds[0]}
            ours = sum(each[name] for name in _OURS)
            if not queued:
                await peers.measure(jobs, ours)
            told = ", ".join(f"{name} {value:,.0f}" for name, value in each.items())
            print(f"{queued:,} waiting: {ours:,.0f} us of CPU a job ({told})")
            half = min(each["submit/s"], each["jobs/s"]) / 2
            at_half = [await bench.at_rate(users, int(half * 5), half) for _ in range(ROUNDS)]
            p50, p99 = map(median, zip(*at_half, strict=True))
            print(f"  submit at half load ({half:,.0f}/s): p50 {p50:.1f} ms, p99 {p99:.1f} ms")
            p50, p99 = await bench.idle_starts(users[0], 200)
            print(f"  idle, submit to start: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
            if not waiting:
                break


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description="What a job costs.")
    parser.add_argument("jobs", nargs="?", type=int, default=4000)
    parser.add_argument("--waiting", type=int, default=100_000)
    wanted = parser.parse_args()
    asyncio.run(measure(wanted.jobs, wanted.waiting))


if __name__ == "__main__":
    main()
