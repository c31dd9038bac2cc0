"""Removing files from the storage."""

from dataclasses import dataclass
from datetime import timedelta

from auth_service.removals.repository import Removals
from shared.clock import Clock
from shared.db.database import Database
from shared.observability.logging import get_logger
from shared.storage.storage import Storage

log = get_logger(__name__)

_CLAIMED_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RemoveFiles:
    """Remove every file that is due; any number of processes do it at a time."""

    database: Database
    storage: Storage
    clock: Clock

    async def __call__(self) -> int:
        """How many; raises `StorageUnavailable`, and goes on where it stopped at the next call."""
        removals, removed = Removals(self.database), 0
        until = self.clock.now() + _CLAIMED_FOR
        while keys := await removals.claim(self.clock.now(), until):
            for key in keys:
                await self.storage.delete(key)
                await removals.forget(key, until)
            removed += len(keys)
        if removed:
            log.info("files_removed", files=removed)
        return removed
