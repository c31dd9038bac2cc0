"""What a claim of a job costs: alone, and with sixteen workers that claim at once.

    python -m tests.bench.claims

The jobs schema on a PostgreSQL with its usual durability. A claim takes the first job of whoever is
next, by the lanes of the users who wait: neither their number nor that of their jobs should matter.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from sqlalchemy import text

from deploy.postgres.embedded import EmbeddedPostgres
from jobs_service.jobs.repository import Jobs
from jobs_service.work.use_cases import ClaimJob
from shared.db.database import Database
from shared.db.migrations import migrate
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.support.jobs import new_row

_CASES = ((1, 1000), (100, 10), (500, 4))
"""Users who wait, and jobs of each."""
_CLAIMS = 200
_WORKERS = 16
_EACH = 25


async def measure(database: Database, users: int, jobs: int) -> None:
    """Print one line of figures for so many waiting users and jobs of each."""
    await _fill(database, users, jobs)
    claim = ClaimJob(database, "bench", lease=600, per_user=users * jobs)
    alone = quantiles(await _claim(claim, _CLAIMS), n=100)
    started = perf_counter()
    await asyncio.gather(*(_claim(claim, _EACH) for _ in range(_WORKERS)))
    rate = _WORKERS * _EACH / (perf_counter() - started)
    sys.stdout.write(
        f"{users:4} users, {jobs:4} jobs each:   alone p50 {alone[49]:5.2f} ms  "
        f"p99 {alone[98]:5.2f} ms   {_WORKERS} at once {rate:4.0f} claims/s\n"
    )


async def _fill(database: Database, users: int, jobs: int) -> None:
    await database.run(text("TRUNCATE jobs CASCADE"))
    for _ in range(users):
        owner = UserId(uuid7())
        async with database.transaction() as tx:
            for _ in range(jobs):
                await Jobs(tx).add(new_row(owner, uuid7()))
    await database.run(text("ANALYZE jobs"))


async def _claim(claim: ClaimJob, times: int) -> list[float]:
    """Milliseconds of each claim."""
    taken = []
    for _ in range(times):
        started = perf_counter()
        if await claim() is None:
            raise AssertionError("nothing was left to claim")
        taken.append((perf_counter() - started) * 1000)
    return taken


async def main() -> None:
    """Measure every case."""
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        server = await EmbeddedPostgres.start(Path(folder), roles=["jobs"])
        try:
            await migrate(server.url("jobs"), "jobs_service", "jobs")
            database = Database(server.url("jobs"), schema="jobs", source="jobs")
            for users, jobs in _CASES:
                await measure(database, users, jobs)
            await database.close()
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
