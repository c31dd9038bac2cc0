"""How far a job is, told to whoever watches while it runs."""

import asyncio
from dataclasses import dataclass, field

from jobs_service.events import JobProgressed
from jobs_service.jobs.domain import Job
from shared.errors import Unavailable
from shared.messaging.broker import Broker
from shared.messaging.envelopes import Envelopes
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_REPORTS = 0.25


@dataclass(slots=True)
class Progress:
    """How far an attempt is, from 0 to 1, and whether to look at once if it is still ours."""

    reached: float = 0.0
    look: asyncio.Event = field(default_factory=asyncio.Event)


class ProgressReports:
    """Publishes progress at most four times a second for each job.

    Not through the outbox: a report is of no use later, and the next one makes up for a lost one.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._envelopes = Envelopes("jobs")

    async def follow(self, job: Job, progress: Progress) -> None:
        """Report each change until cancelled."""
        reported = progress.reached
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_REPORTS)
            if progress.reached > reported:
                reported = progress.reached
                await self._report(job, reported)

    async def _report(self, job: Job, reached: float) -> None:
        event = JobProgressed(**job.facts(), progress=round(reached, 4))
        try:
            await self._broker.publish(self._envelopes.of(event))
        except Unavailable as error:
            log.info("progress_not_reported", job_id=job.id, error=error.detail)
