"""The transactions of a worker and of the sweeper."""

from dataclasses import dataclass

from jobs_service.captions.repository import Tracks
from jobs_service.captions.track import Track
from jobs_service.credits.use_cases import capture_hold, release_hold
from jobs_service.events import JobFailed, JobQueued, JobStarted, JobSucceeded
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.queue import Queue
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_SWEEPS = 1.0


class JobLost(Exception):  # noqa: N818 - a fact, not a fault
    """The job was cancelled or taken back: whatever its worker has made is void."""


@dataclass(frozen=True, slots=True)
class ClaimJob:
    """Take the next job for one worker. `lease` is in seconds."""

    database: Database
    worker: str
    lease: float
    per_user: int

    async def __call__(self) -> Job | None:
        """The claimed job, or None when nothing may run now."""
        async with self.database.transaction() as tx:
            job = await Queue(tx).claim(self.worker, self.lease, self.per_user)
            if job is not None:
                tx.announce(JobStarted(**job.facts(), attempt=job.attempt))
            return job


@dataclass(frozen=True, slots=True)
class FinishJob:
    """Write a result and spend what was held for it."""

    database: Database

    async def __call__(self, job: Job, track: Track) -> None:
        """Store the track of a job that succeeded; raises JobLost."""
        async with self.database.transaction() as tx:
            finished = await Queue(tx).finish(job, JobStatus.SUCCEEDED)
            if finished is None:
                raise JobLost
            await Tracks(tx).add(job.id, track)
            await capture_hold(tx, job.id)
            tx.announce(JobSucceeded(**finished.facts()))


@dataclass(frozen=True, slots=True)
class FailJob:
    """End a job without a result and give its credits back."""

    database: Database

    async def __call__(self, job: Job, code: str, detail: str) -> None:
        """Write why; raises JobLost."""
        async with self.database.transaction() as tx:
            failed = await Queue(tx).finish(job, JobStatus.FAILED, code, detail)
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
    """Take back what lost its worker, fail what is hopeless, forget old keys.

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
            for job in queued:
                tx.announce(JobQueued(**job.facts()))
            await queue.forget_old_keys()
        if moved := len(failed) + len(queued):
            log.info("jobs_swept", jobs=moved)
        return moved


async def _give_up(tx: Transaction, job: Job) -> None:
    code = job.error_code or "failed"
    await release_hold(tx, job.id, f"job failed: {code}")
    tx.announce(JobFailed(**job.facts(), error_code=code))
