"""The dead letters of the embedded suite, whether it runs or not: its broker keeps them in the
schemas of the services, and takes them back from there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from shared.db.database import Database
from shared.messaging.broker import DeadLetter
from shared.messaging.dead_letters import DeadLetters


@dataclass(frozen=True, slots=True)
class EmbeddedLetters:
    """Looks into the databases at `urls`, by the name of the service."""

    urls: Mapping[str, str]

    async def dead_letters(self, subscription: str, limit: int) -> list[DeadLetter]:
        """The parked events of a subscription, oldest first; they stay parked."""
        async with self._of(subscription) as letters:
            return await letters.oldest(limit)

    async def replay(self, subscription: str, event_id: UUID | None) -> int:
        """Hand one parked event, or all, to the subscription, as soon as the suite runs."""
        async with self._of(subscription) as letters:
            return await letters.put_back(event_id)

    async def discard(self, subscription: str, event_id: UUID) -> int:
        """Forget a parked event for good; how many there were."""
        async with self._of(subscription) as letters:
            return await letters.remove(event_id)

    @asynccontextmanager
    async def _of(self, subscription: str) -> AsyncIterator[DeadLetters]:
        service = subscription.partition(".")[0]
        database = Database(self.urls[service], schema=service, source=service, pool_size=1)
        try:
            yield DeadLetters(database, subscription)
        finally:
            await database.close()
