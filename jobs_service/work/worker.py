"""The worker: claims jobs, keeps their leases while they run, and writes how they ended."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from jobs_service.jobs.domain import Job
from jobs_service.parts.domain import Part
from jobs_service.work.helping import Helping
from jobs_service.work.leases import Leases
from jobs_service.work.performing import Perform, Result
from jobs_service.work.progress import Attempt, ProgressReports
from jobs_service.work.use_cases import ClaimJob, FailJob, FinishJob, HandBackJob, JobLost
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.errors import Problem, Unavailable
from shared.messaging.batches import GATHERING
from shared.observability import context
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

POLL_SECONDS = 2.0
"""The safety net: workers are woken by events, which may be lost."""
RETRY_DELAYS = (2.0, 15.0, 60.0)


class AttemptCrashed(Unavailable):
    """Something unforeseen happened to the worker; another attempt may do better."""

    code, title = "attempt_crashed", "The job crashed; the error has been recorded"


class TimeLimit(Exception):  # noqa: N818 - a fact, not a fault
    """The attempt took too long."""


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
        self._leases = Leases(database, limits.lease)
        self._wake = asyncio.Event()
        self._nearly_dry = False

    def wake(self) -> None:
        """There may be something to claim."""
        self._wake.set()

    def look_at(self, job_id: UUID) -> None:
        """The job may have been cancelled: find out now and not at the next heartbeat."""
        self._leases.look_at(job_id)
        if self._helping:
            self._helping.look_at(job_id)

    async def run(self, ready: Ready) -> None:
        """Work until cancelled; jobs under way are then queued again, for other workers."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._leases.keep())
            group.create_task(self._reports.follow(self._leases.attempts))
            ready()
            while True:
                self._wake.clear()
                while self._room > 0 and await self._take_up(group):
                    pass
                if self._room:  # nothing is waiting; what comes soon is taken up together
                    await asyncio.sleep(GATHERING)
                if not await happens_within(POLL_SECONDS, self._wake) and self._helping:
                    self._helping.look()

    @property
    def _room(self) -> int:
        helping = self._helping.under_way if self._helping else 0
        return self._limits.concurrency - len(self._leases.attempts) - helping

    async def _take_up(self, group: asyncio.TaskGroup) -> bool:
        """Begin jobs or else, since jobs come first, a part; whether there was something."""
        if jobs := await self._next():
            for job in jobs:
                group.create_task(self._work(self._leases.begin(job)), name=f"job {job.id}")
                self._reports.started(job)
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

    async def _next(self) -> Sequence[Job]:
        room, patiently = self._room, self._nearly_dry
        self._nearly_dry = False
        try:
            jobs = await self._claim.several(room, patiently=patiently)
        except DatabaseAway:
            log.warning("claim_failed")
            return ()
        self._nearly_dry = not patiently and 0 < len(jobs) < room
        return jobs

    async def _work(self, attempt: Attempt) -> None:
        job = attempt.job
        context.bind(f"job-{job.id}", "")
        log.info("job_started", job_id=job.id, attempt=job.attempt)
        try:
            await self._settle(job, attempt)
        except JobLost:
            log.info("job_lost", job_id=job.id)
        except asyncio.CancelledError:
            await self._hand_back_at_the_end(job)
            raise
        except DatabaseAway:
            # the row keeps saying `running`; its lease will end and the sweeper take it back
            log.warning("job_outcome_not_written", job_id=job.id)
        finally:
            del self._leases.attempts[attempt.key]
            self.wake()

    async def _hand_back_at_the_end(self, job: Job) -> None:
        try:
            await self._hand_back(job, counted=False)
        except DatabaseAway:
            log.warning("job_not_handed_back", job_id=job.id)  # its lease will end
        else:
            log.info("job_handed_back", job_id=job.id)

    async def _settle(self, job: Job, attempt: Attempt) -> None:
        try:
            result = await self._perform(job, attempt)
        except TimeLimit:
            limit = self._limits.attempt_time
            await self._fail(job, "time_limit", f"The job took more than {limit:g} seconds.")
        except Problem as problem:
            await self._refuse(job, problem)
        else:
            await self._finish(job, result)
            log.info("job_succeeded", job_id=job.id)

    async def _perform(self, job: Job, attempt: Attempt) -> Result:
        """Raises JobLost as soon as the job is not ours, TimeLimit, and Problems."""
        try:
            async with asyncio.timeout(self._limits.attempt_time) as attempt.deadline:
                return await self._performers[job.type](job, attempt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is to hear of it
            if attempt.lost:
                raise JobLost from None
            if attempt.deadline is not None and attempt.deadline.expired():
                raise TimeLimit from None
            raise _problem_of(error, job) from None
        finally:
            attempt.deadline = None

    async def _refuse(self, job: Job, problem: Problem) -> None:
        if problem.retriable and job.attempt < self._limits.attempts:
            delay = RETRY_DELAYS[min(job.attempt, len(RETRY_DELAYS)) - 1]
            log.warning("job_will_be_retried", job_id=job.id, code=problem.code, seconds=delay)
            await self._hand_back(job, delay, counted=True)
        else:
            log.info("job_failed", job_id=job.id, code=problem.code, detail=problem.detail)
            await self._fail(job, problem.code, problem.detail)


def _problem_of(error: Exception, job: Job) -> Problem:
    """The Problem that ended an attempt, also if other tasks of it failed; or that it crashed."""
    first = error
    while isinstance(first, ExceptionGroup):
        first = (first.subgroup(Problem) or first).exceptions[0]
    if isinstance(first, Problem):
        return first
    log.error("attempt_crashed", job_id=job.id, exc_info=error)
    return AttemptCrashed()
