"""Forgets sessions, tokens, tickets, failures, revocations and keys whose time is over."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from auth_service.api_keys.repository import ApiKeys
from auth_service.delays.repository import Failures
from auth_service.sessions.repository import Sessions
from auth_service.tickets.repository import Tickets
from auth_service.tokens.repository import SigningKeys
from auth_service.tokens.revocations import forget_old
from shared.clock import Clock
from shared.db.database import Database

SECONDS_BETWEEN_PRUNINGS = 3600.0
RETIRED_KEYS_KEPT_FOR = timedelta(days=1)


class Pruner:
    """Keeps the tables as small as what is under way."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prune(self) -> None:
        """Delete what is over, a batch at a time."""
        sessions = Sessions(self._database)
        now = self._clock.now()
        await forget_old(self._database, now)
        await SigningKeys(self._database).delete_retired(now - RETIRED_KEYS_KEPT_FOR)
        for delete in (
            sessions.delete_expired_tokens,
            sessions.delete_ended,
            Tickets(self._database).delete_expired,
            Failures(self._database).delete_forgotten,
            ApiKeys(self._database).delete_over,
        ):
            await _until_none_is_left(delete, now)


async def _until_none_is_left(delete: Callable[[datetime], Awaitable[int]], now: datetime) -> None:
    while await delete(now):
        pass
