"""The leases under which a worker makes its attempts at jobs."""

import asyncio
from uuid import UUID

from jobs_service.jobs.domain import Job
from jobs_service.jobs.queue import Queue
from jobs_service.work.progress import Attempt
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.observability.logging import get_logger
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

HEARTBEAT_SECONDS = 1.0


class Leases:
    """The attempts of one worker; their leases, of `seconds`, are renewed while they last."""

    def __init__(self, database: Database, seconds: float) -> None:
        self.attempts: dict[UUID, Attempt] = {}
        self._queue = Queue(database.hot)
        self._seconds = seconds
        self._clock = SystemClock()
        self._look = asyncio.Event()

    def begin(self, job: Job) -> Attempt:
        """An attempt at a job that has just been claimed, until it is taken out of `attempts`."""
        attempt = Attempt(job=job, renewed=self._clock.monotonic())
        self.attempts[job.id] = attempt
        return attempt

    def look_at(self, job_id: UUID) -> None:
        """The job may have been cancelled: find out now and not at the next heartbeat."""
        if attempt := self.attempts.get(job_id):
            attempt.look.set()
            self._look.set()

    async def keep(self) -> None:
        """Renew them each second, until cancelled."""
        while True:
            looked = await happens_within(HEARTBEAT_SECONDS, self._look)
            self._look.clear()
            due = [one for one in self.attempts.values() if one.look.is_set() or not looked]
            await asyncio.gather(*(self._renew(one) for one in due))

    async def _renew(self, attempt: Attempt) -> None:
        attempt.look.clear()
        now = self._clock.monotonic()
        try:
            kept = await self._queue.heartbeat(attempt.job, self._seconds, attempt.reached)
        except DatabaseAway:
            log.warning("heartbeat_failed", job_id=attempt.job.id)
            kept = now - attempt.renewed <= self._seconds  # somebody else may have it after that
        else:
            attempt.renewed = now
        if not kept:
            attempt.lose()
