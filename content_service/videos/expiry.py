"""Ends the time of videos that were kept as long as their plan says, in one replica for all."""

from collections.abc import Callable
from dataclasses import dataclass

from content_service.events import VideoExpired
from content_service.videos.batches import in_batches
from content_service.videos.repository import Videos
from shared.clock import Clock
from shared.db.database import Database
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_EXPIRIES = 60.0


@dataclass(frozen=True, slots=True)
class ExpireVideos:
    """Expire every video whose time has passed and tell of it; `empty` then removes the files."""

    database: Database
    clock: Clock
    empty: Callable[[], None]

    async def __call__(self) -> None:
        """Do all that is due."""
        if expired := await in_batches(self._expire):
            log.info("videos_expired", videos=expired)

    async def _expire(self) -> int:
        async with self.database.transaction() as tx:
            videos = await Videos(tx).expire_due(self.clock.now())
            for video in videos:
                tx.announce(VideoExpired(video.id, video.owner_id, video.revision))
            tx.once_committed(self.empty)
        return len(videos)
