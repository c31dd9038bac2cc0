"""How far a job is, told to whoever watches while it runs."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from jobs_service.events import JobProgressed, JobStarted
from jobs_service.jobs.domain import Job
from shared.errors import Unavailable
from shared.messaging.batches import GATHERING, batched
from shared.messaging.broker import Publisher
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import Envelope
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_REPORTS = 0.25
_MOST_WAITING = 1000
"""Reports, while those before them are being published; beyond, the oldest is lost."""


@dataclass(slots=True)
class Progress:
    """How far an attempt is, from 0 to 1, and whether to look at once if it is still ours."""

    reached: float = 0.0
    look: asyncio.Event = field(default_factory=asyncio.Event)


Try: TypeAlias = tuple[UUID, int]
"""A job and the fencing token under which it was claimed: a worker may claim again what it has lost
and has not stopped doing yet."""


@dataclass(slots=True, kw_only=True)
class Attempt(Progress):
    """One try at a job; `renewed` is when its lease was, by the monotonic clock, and `renewing`
    says whether it is being renewed."""

    job: Job
    renewed: float
    reported: float = 0.0
    renewing: bool = False
    lost: bool = False
    deadline: asyncio.Timeout | None = None

    @property
    def key(self) -> Try:
        """What tells it from all others."""
        return self.job.id, self.job.fence

    def lose(self) -> None:
        """End it: the job is not ours any more. May be said again while it is ending."""
        self.lost = True
        if self.deadline is not None and not self.deadline.expired():
            self.deadline.reschedule(0)


class ProgressReports:
    """Publishes that jobs have begun, and their progress at most four times a second each.

    Not through the outbox: a report is of no use later, and the next one makes up for a lost one.
    Nobody waits until one is published.
    """

    def __init__(self, broker: Publisher) -> None:
        self._broker = broker
        self._envelopes = Envelopes("jobs")
        self._waiting: deque[Envelope] = deque(maxlen=_MOST_WAITING)
        self._came = asyncio.Event()

    def started(self, job: Job) -> None:
        """Report that a worker has taken the job up."""
        self._add(JobStarted(**job.facts(), attempt=job.attempt))

    async def follow(self, attempts: Mapping[Try, Attempt]) -> None:
        """Publish reports, also on how far these are whenever that changes, until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._publish())
            while True:
                await asyncio.sleep(SECONDS_BETWEEN_REPORTS)
                for one in attempts.values():
                    if one.reached > one.reported:
                        self._progressed(one)

    def _progressed(self, attempt: Attempt) -> None:
        attempt.reported = attempt.reached
        progress = round(attempt.reached, 4)
        self._add(JobProgressed(**attempt.job.facts(), progress=progress))

    def _add(self, event: JobStarted | JobProgressed) -> None:
        self._waiting.append(self._envelopes.of(event))
        self._came.set()

    async def _publish(self) -> None:
        """Publish what waits at once, and what comes soon after it together."""
        while True:
            await self._came.wait()
            self._came.clear()
            messages = batched(self._waiting)
            self._waiting.clear()
            reporting = [self._report(message) for message in messages]
            for outcome in await asyncio.gather(*reporting, return_exceptions=True):
                if outcome is not None:  # also what somebody cancelled that it waited for
                    log.error("report_crashed", exc_info=outcome)
            await asyncio.sleep(GATHERING)

    async def _report(self, message: Sequence[Envelope]) -> None:
        try:
            await self._broker.publish(*message)
        except Unavailable as error:
            log.info("not_reported", type=message[0].type, reports=len(message), error=error.detail)
