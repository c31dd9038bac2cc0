"""Forgets sessions and refresh tokens whose time is over."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from auth_service.sessions.repository import Sessions
from shared.clock import Clock
from shared.db.database import Database

SECONDS_BETWEEN_PRUNINGS = 3600.0


class SessionPruner:
    """Keeps the tables as small as the sessions under way."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prune(self) -> None:
        """Delete what is over, a batch at a time."""
        sessions = Sessions(self._database)
        for delete in (sessions.delete_expired_tokens, sessions.delete_ended):
            await _until_none_is_left(delete, self._clock.now())


async def _until_none_is_left(delete: Callable[[datetime], Awaitable[int]], now: datetime) -> None:
    while await delete(now):
        pass
