"""Finishes what nobody else will: uploads that broke off, files past their time, half deletions.

Every replica runs one. No lock is held across a pass: each batch is claimed in one statement, so
that replicas share the work and a killed one holds up nothing.
"""

from collections.abc import Awaitable, Callable

from content_service.events import VideoExpired
from content_service.videos.domain import VideoId
from content_service.videos.repository import BATCH, Videos
from content_service.videos.use_cases import EMPTYING, RemoveFile
from shared.clock import Clock
from shared.db.database import Database
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_SWEEPS = 60.0


class Sweeper:
    """Abandons, expires, and removes files, in batches."""

    def __init__(self, database: Database, clock: Clock, remove_file: RemoveFile) -> None:
        self._database = database
        self._clock = clock
        self._remove_file = remove_file

    async def sweep(self) -> None:
        """Do everything that is due; raises `StorageUnavailable`."""
        abandoned = await _in_batches(self._abandon)
        expired = await _in_batches(self._expire)
        emptied = await self._empty()
        if abandoned or expired or emptied:
            log.info("swept", abandoned=abandoned, expired=expired, files_removed=emptied)

    async def _abandon(self) -> int:
        return await Videos(self._database).abandon_due(self._clock.now())

    async def _expire(self) -> int:
        async with self._database.transaction() as tx:
            videos = await Videos(tx).expire_due(self._clock.now())
            for video in videos:
                tx.announce(VideoExpired(video.id, video.owner_id, video.revision))
        return len(videos)

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


async def _in_batches(step: Callable[[], Awaitable[int]]) -> int:
    """Run `step` until it finds less than a full batch; how many it found in all."""
    done = found = await step()
    while found == BATCH:
        found = await step()
        done += found
    return done
