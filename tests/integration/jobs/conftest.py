"""The jobs schema of a real PostgreSQL, empty before each test."""

from collections.abc import AsyncIterator

import pytest

from jobs_service.credits.domain import Entry, EntryKind
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantWelcomeCredits
from jobs_service.videos.domain import KnownVideo
from jobs_service.videos.repository import Videos
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId


@pytest.fixture
async def database(jobs_database: Database) -> AsyncIterator[Database]:
    yield jobs_database
    assert await Credits(jobs_database).unbalanced() == [], "accounts differ from their entries"


class Setting:
    """Users with credits, and videos, as the events would have made them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def user(self, balance: int = 10) -> UserId:
        """A user with this many credits."""
        owner = UserId(uuid7())
        async with self._database.transaction() as tx:
            await GrantWelcomeCredits(balance)(tx, owner)
        return owner

    async def grant(self, owner: UserId, amount: int) -> None:
        """More credits."""
        async with self._database.transaction() as tx:
            await Credits(tx).record(Entry(owner, EntryKind.GRANT, amount, 0, "test"))

    async def video(
        self, owner: UserId, *, seconds: float = 30, has_audio: bool = True
    ) -> KnownVideo:
        """A video that is ready."""
        video = KnownVideo(uuid7(), owner, seconds, has_audio, True, 1)
        await Videos(self._database).save(video)
        return video


@pytest.fixture
def setting(database: Database) -> Setting:
    return Setting(database)
