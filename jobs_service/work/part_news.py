"""News of parts among workers: that there are some to take up, and that one has been settled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from jobs_service.events import PartSettled, PartsWaiting
from jobs_service.parts.domain import Part
from shared.errors import Unavailable
from shared.messaging.broker import Publisher
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import IntegrationEvent
from shared.observability.logging import get_logger

log = get_logger(__name__)


class PartNews:
    """Not through the outbox: news that come late are of no use, and all who wait look by
    themselves, too."""

    def __init__(self, broker: Publisher) -> None:
        self._broker = broker
        self._envelopes = Envelopes("jobs")
        self._waiting: dict[UUID, asyncio.Event] = {}

    async def waiting(self, job_id: UUID) -> None:
        """Tell that parts of this job may be taken up."""
        await self._tell(PartsWaiting(job_id))

    async def settled(self, part: Part) -> None:
        """Tell that the part has been done, or given back."""
        await self._tell(PartSettled(part.job_id, part.number))

    def hear_settled(self, job_id: UUID) -> None:
        """Wake whoever waits for the parts of this job."""
        if event := self._waiting.get(job_id):
            event.set()

    @asynccontextmanager
    async def of(self, job_id: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever a part of this job has been settled."""
        self._waiting[job_id] = asyncio.Event()
        try:
            yield self._waiting[job_id]
        finally:
            del self._waiting[job_id]

    async def _tell(self, event: IntegrationEvent) -> None:
        try:
            await self._broker.publish(self._envelopes.of(event))
        except Unavailable as error:
            log.info("part_news_not_told", type=event.TYPE, error=error.detail)
