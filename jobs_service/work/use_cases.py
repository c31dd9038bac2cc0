"""The transactions of a worker and of the sweeper."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from jobs_service.credits.use_cases import capture_hold, release_hold
from jobs_service.events import JobFailed, JobQueued, JobSucceeded
from jobs_service.jobs.at_once import AtOnce
from jobs_service.jobs.domain import Job
from jobs_service.jobs.queue import Queue
from jobs_service.jobs.repository import Jobs
from jobs_service.work.performing import Result
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_SWEEPS = 1.0


class JobLost(Exception):  # noqa: N818 - a fact, not a fault
    """The job was cancelled or taken back: whatever its worker has made is void."""


@dataclass(frozen=True, slots=True)
class ClaimJob:
    """Take the next jobs for one worker. `lease` is in seconds."""

    database: Database
    worker: str
    lease: float
    per_user: int

    async def __call__(self) -> Job | None:
        """The claimed job, or None when nothing may run now."""
        claimed = await self.several(1)
        return claimed[0] if claimed else None

    async def several(self, room: int, *, patiently: bool = False) -> Sequence[Job]:
        """Up to `room` jobs, each of another user; none when nothing may run now.

        Who got fewer just now asks `patiently`: there is hardly another user left.
        """
        queue = Queue(self.database.hot)
        return await queue.claim(self.worker, self.lease, self.per_user, room, patiently=patiently)


class FinishJob:
    """Write a result and spend what was held for it, or a part of that."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._at_once = AtOnce(database)

    async def __call__(self, job: Job, result: Result) -> Job:
        """The job that succeeded; raises JobLost."""
        shown = None if result.shown is None else msgspec.json.encode(result.shown).decode()
        spent = job.price if result.spent is None else min(result.spent, job.price)
        usual = job.price and result.store is None
        if usual and (ended := await self._at_once.succeed(job, shown, spent)):
            return ended
        async with self._database.transaction() as tx:
            finished = await Queue(tx).succeed(job, shown, spent)
            if finished is None:
                raise JobLost
            if result.store is not None:
                await result.store(tx)
            await capture_hold(tx, job.id, spent)
            tx.announce(JobSucceeded(**finished.facts()))
        return finished


@dataclass(frozen=True, slots=True)
class FailJob:
    """End a job without a result and give its credits back."""

    database: Database

    async def __call__(self, job: Job, code: str, detail: str) -> None:
        """Write why; raises JobLost."""
        async with self.database.transaction() as tx:
            failed = await Queue(tx).fail(job, code, detail)
            if failed is None:
                raise JobLost
            await _give_up(tx, failed)


@dataclass(frozen=True, slots=True)
class HandBackJob:
    """Queue a claimed job again: its worker stops, or something it needs is away."""

    database: Database

    async def __call__(self, job: Job, delay: float = 0.0, *, counted: bool) -> None:
        """Queue again after `delay` seconds; `counted` says whether the attempt counts."""
        async with self.database.transaction() as tx:
            queued = await Queue(tx).hand_back(job, delay, counted=counted)
            if queued is not None:
                tx.announce(JobQueued(**queued.facts()))


@dataclass(frozen=True, slots=True)
class SweepJobs:
    """Take back what lost its worker, fail what is hopeless, let run what was to run later.

    Safe to run in several processes, since each row moves once.
    """

    database: Database
    attempts: int

    async def __call__(self) -> int:
        """The number of jobs moved."""
        async with self.database.transaction() as tx:
            queue = Queue(tx)
            failed = await queue.fail_hopeless(self.attempts)
            for job in failed:
                await _give_up(tx, job)
            queued = await queue.take_back_lost(self.attempts)
            due = await queue.promote()
            for job in queued:
                tx.announce(JobQueued(**job.facts()))
            owners = [*(job.owner_id for job in (*failed, *queued)), *due]
            if owners:
                await Jobs(tx).lock_lanes(owners)
        if moved := len(owners):
            log.info("jobs_swept", jobs=moved)
        return moved


async def _give_up(tx: Transaction, job: Job) -> None:
    code = job.error_code or "failed"
    await release_hold(tx, job.id, f"job failed: {code}")
    tx.announce(JobFailed(**job.facts(), error_code=code))
