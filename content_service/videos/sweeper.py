"""Finishes what nobody else will: uploads that broke off, and deletions that stopped half-way.

Every replica runs one. No lock is held across a pass: each batch is claimed in one statement, so
that replicas share the work and a killed one holds up nothing.
"""

from content_service.videos.batches import in_batches
from content_service.videos.domain import EMPTYING, VideoId
from content_service.videos.repository import Videos
from content_service.videos.use_cases import RemoveFile
from shared.clock import Clock
from shared.db.database import Database
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_SWEEPS = 60.0


class Sweeper:
    """Abandons uploads and removes files, in batches."""

    def __init__(self, database: Database, clock: Clock, remove_file: RemoveFile) -> None:
        self._database = database
        self._clock = clock
        self._remove_file = remove_file

    async def sweep(self) -> None:
        """Do everything that is due; raises `StorageUnavailable`."""
        abandoned = await in_batches(self._abandon)
        emptied = await self._empty()
        if abandoned or emptied:
            log.info("swept", abandoned=abandoned, files_removed=emptied)

    async def _abandon(self) -> int:
        return await Videos(self._database).abandon_due(self._clock.now())

    async def _empty(self) -> int:
        done = 0
        while claimed := await self._claim_emptying():
            for video_id in claimed:
                await self._remove_file(video_id)
            done += len(claimed)
        return done

    async def _claim_emptying(self) -> list[VideoId]:
        now = self._clock.now()
        return await Videos(self._database).claim_emptying(now, now + EMPTYING)
