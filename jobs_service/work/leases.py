"""The leases under which a worker makes its attempts at jobs."""

import asyncio
from uuid import UUID

from jobs_service.jobs.domain import Job
from jobs_service.jobs.queue import Queue
from jobs_service.work.progress import Attempt, Try
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
        self.attempts: dict[Try, Attempt] = {}
        self._queue = Queue(database.hot)
        self._seconds = seconds
        self._clock = SystemClock()
        self._look = asyncio.Event()

    def begin(self, job: Job) -> Attempt:
        """An attempt at a job that has just been claimed, until it is taken out of `attempts`."""
        attempt = Attempt(job=job, renewed=self._clock.monotonic())
        self.attempts[attempt.key] = attempt
        return attempt

    def look_at(self, job_id: UUID) -> None:
        """The job may have been cancelled: find out now and not at the next heartbeat."""
        for attempt in self.attempts.values():
            if attempt.job.id == job_id:
                attempt.look.set()
                self._look.set()

    async def keep(self) -> None:
        """Renew them each second, until cancelled; one that takes long keeps no other waiting.

        One that is as good as new can wait for the next time: jobs that end at once cost nothing.
        """
        async with asyncio.TaskGroup() as renewals:
            beat = self._clock.monotonic()
            while True:
                await happens_within(beat - self._clock.monotonic(), self._look)
                self._look.clear()
                now = self._clock.monotonic()
                if is_time := now >= beat:
                    beat = now + HEARTBEAT_SECONDS
                for one in self.attempts.values():
                    is_due = is_time and now - one.renewed >= HEARTBEAT_SECONDS / 10
                    if not one.renewing and (one.look.is_set() or is_due):
                        one.renewing = True
                        renewals.create_task(self._renew(one))

    async def _renew(self, attempt: Attempt) -> None:
        attempt.look.clear()
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._seconds / 3):  # somebody may be writing the row
                kept = await self._queue.heartbeat(attempt.job, self._seconds, attempt.reached)
        except (DatabaseAway, TimeoutError):
            log.warning("heartbeat_failed", job_id=attempt.job.id)
            # somebody else may have it after that
            kept = self._clock.monotonic() - attempt.renewed <= self._seconds
        else:
            attempt.renewed = began
        finally:
            attempt.renewing = False
        if not kept:
            attempt.lose()
