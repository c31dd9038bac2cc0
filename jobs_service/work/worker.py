"""The worker: claims jobs, keeps their leases while they run, and writes how they ended."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from jobs_service.jobs.domain import Job
from jobs_service.jobs.queue import Queue
from jobs_service.parts.domain import Part
from jobs_service.work.helping import Helping
from jobs_service.work.performing import Perform, Result
from jobs_service.work.progress import Progress, ProgressReports
from jobs_service.work.use_cases import ClaimJob, FailJob, FinishJob, HandBackJob, JobLost
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.errors import Problem, Unavailable
from shared.observability import context
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

HEARTBEAT_SECONDS = 1.0
POLL_SECONDS = 2.0
"""The safety net: workers are woken by events, which may be lost."""
RETRY_DELAYS = (2.0, 15.0, 60.0)


class AttemptCrashed(Unavailable):
    """Something unforeseen happened to the worker; another attempt may do better."""

    code, title = "attempt_crashed", "The job crashed; the error has been recorded"


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """`attempts` and concurrent jobs by number; `lease` and `attempt_time` in seconds."""

    concurrency: int
    attempts: int
    lease: float
    attempt_time: float


class Worker:
    """Runs up to `limits.concurrency` jobs at a time; `performers` do the work, by type of job.

    While no job waits that it may claim, it is `helping` with parts of those of others.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        per_user: int,
        limits: WorkerLimits,
        performers: Mapping[str, Perform],
        reports: ProgressReports,
        helping: Helping | None = None,
    ) -> None:
        self._database = database
        self._claim = ClaimJob(database, name, limits.lease, per_user)
        self._finish = FinishJob(database)
        self._fail = FailJob(database)
        self._hand_back = HandBackJob(database)
        self._performers = performers
        self._reports = reports
        self._helping = helping
        self._limits = limits
        self._clock = SystemClock()
        self._running: dict[UUID, Progress] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to claim."""
        self._wake.set()

    def look_at(self, job_id: UUID) -> None:
        """The job may have been cancelled: find out now and not at the next heartbeat."""
        if progress := self._running.get(job_id):
            progress.look.set()
        if self._helping:
            self._helping.look_at(job_id)

    async def run(self, ready: Ready) -> None:
        """Work until cancelled; jobs under way are then queued again, for other workers."""
        async with asyncio.TaskGroup() as group:
            ready()
            while True:
                self._wake.clear()
                while self._is_free and await self._take_up(group):
                    pass
                if not await happens_within(POLL_SECONDS, self._wake) and self._helping:
                    self._helping.look()

    @property
    def _is_free(self) -> bool:
        helping = self._helping.under_way if self._helping else 0
        return len(self._running) + helping < self._limits.concurrency

    async def _take_up(self, group: asyncio.TaskGroup) -> bool:
        """Begin a job or else, since jobs come first, a part; whether there was one."""
        if job := await self._next():
            self._running[job.id] = Progress()
            group.create_task(self._work(job, self._running[job.id]), name=f"job {job.id}")
            return True
        if self._helping and (part := await self._helping.claim()):
            group.create_task(self._help(self._helping, part), name=f"part of {part.job_id}")
            return True
        return False

    async def _help(self, helping: Helping, part: Part) -> None:
        try:
            await helping.perform(part)
        finally:
            self.wake()

    async def _next(self) -> Job | None:
        try:
            return await self._claim()
        except DatabaseAway:
            log.warning("claim_failed")
            return None

    async def _work(self, job: Job, progress: Progress) -> None:
        context.bind(f"job-{job.id}", "")
        log.info("job_started", job_id=job.id, attempt=job.attempt)
        try:
            await self._settle(job, progress)
        except JobLost:
            log.info("job_lost", job_id=job.id)
        except asyncio.CancelledError:
            await self._hand_back(job, counted=False)
            log.info("job_handed_back", job_id=job.id)
            raise
        except DatabaseAway:
            # the row keeps saying `running`; its lease will end and the sweeper take it back
            log.warning("job_outcome_not_written", job_id=job.id)
        finally:
            del self._running[job.id]
            self.wake()

    async def _settle(self, job: Job, progress: Progress) -> None:
        try:
            async with asyncio.timeout(self._limits.attempt_time):
                result = await self._attempt(job, progress)
        except TimeoutError:
            limit = self._limits.attempt_time
            await self._fail(job, "time_limit", f"The job took more than {limit:g} seconds.")
        except Problem as problem:
            await self._refuse(job, problem)
        else:
            await self._finish(job, result)
            log.info("job_succeeded", job_id=job.id)

    async def _attempt(self, job: Job, progress: Progress) -> Result:
        """Perform the job while its lease is renewed; JobLost as soon as it is not ours."""
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._keep_lease(job, progress))
                reporting = group.create_task(self._reports.follow(job, progress))
                try:
                    return await self._performers[job.type](job, progress)
                finally:
                    beating.cancel()
                    reporting.cancel()
        except* JobLost:
            raise JobLost from None
        except* Problem as problems:
            raise problems.exceptions[0] from None
        except* Exception as crash:
            log.exception("attempt_crashed", job_id=job.id, exc_info=crash)
            raise AttemptCrashed from None

    async def _keep_lease(self, job: Job, progress: Progress) -> None:
        renewed = self._clock.monotonic()
        while True:
            await happens_within(HEARTBEAT_SECONDS, progress.look)
            progress.look.clear()
            now = self._clock.monotonic()
            try:
                if not await Queue(self._database).heartbeat(
                    job, self._limits.lease, progress.reached
                ):
                    raise JobLost
                renewed = now
            except DatabaseAway:
                log.warning("heartbeat_failed", job_id=job.id)
                if now - renewed > self._limits.lease:  # somebody else may have it by now
                    raise JobLost from None

    async def _refuse(self, job: Job, problem: Problem) -> None:
        if problem.retriable and job.attempt < self._limits.attempts:
            delay = RETRY_DELAYS[min(job.attempt, len(RETRY_DELAYS)) - 1]
            log.warning("job_will_be_retried", job_id=job.id, code=problem.code, seconds=delay)
            await self._hand_back(job, delay, counted=True)
        else:
            log.info("job_failed", job_id=job.id, code=problem.code, detail=problem.detail)
            await self._fail(job, problem.code, problem.detail)
