"""What users do with videos once they are there."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from uuid import UUID

from content_service.events import VideoDeleted
from content_service.uploads.repository import Uploads
from content_service.videos.domain import (
    EMPTYING,
    Poster,
    PosterNotFound,
    Video,
    VideoFileGone,
    VideoId,
    VideoNotFound,
    incoming_key,
    permanent_key,
    poster_key,
)
from content_service.videos.repository import Videos
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger
from shared.storage.growing import growing_object
from shared.storage.storage import NoSuchObject, Storage, StorageUnavailable

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove the files of a video that must not have any more, then its tombstone."""

    database: Database
    storage: Storage

    async def __call__(self, video_id: VideoId, *, again: bool = False) -> None:
        """Can be repeated, and will be `again` where somebody may still store one; raises
        `StorageUnavailable`."""
        await growing_object(self.storage, incoming_key(video_id)).delete()
        for key in (permanent_key(video_id), poster_key(video_id)):
            await self.storage.delete(key)
        if not again:
            await Videos(self.database).emptied(video_id)

    async def now_or_later(self, video_id: VideoId, *, again: bool = False) -> None:
        """As a call, but leaves the removal to the sweeper when the storage is away."""
        try:
            await self(video_id, again=again)
        except StorageUnavailable as error:
            log.warning("removal_postponed", video_id=str(video_id), error=error.detail)


@dataclass(frozen=True, slots=True)
class FindVideo:
    """One video of its owner."""

    database: Database

    async def __call__(self, owner: UUID, video_id: VideoId) -> Video:
        """Raises `VideoNotFound`."""
        video = await Videos(self.database).find_of(owner, video_id)
        if video is None:
            raise VideoNotFound(f"No video of yours has the id {video_id}.")
        return video


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """The file of a video that is ready, for its owner or for a service."""

    database: Database
    storage: Storage

    async def __call__(self, video_id: VideoId, owner: UUID | None) -> Video:
        """The video, whose file `read` gives; `owner` None stands for another service.

        Raises `VideoNotFound`, `VideoNotReady` or `VideoFileGone`.
        """
        videos = Videos(self.database)
        if owner is None:
            video = await videos.find(video_id)
        else:
            video = await videos.find_of(owner, video_id)
        if video is None:
            raise VideoNotFound(f"There is no video {video_id} here.")
        video.require_file()
        return video

    async def read(self, video: Video, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The file's bytes from `start` to before `end`; raises `VideoFileGone`."""
        try:
            async for block in self.storage.read(permanent_key(video.id), start, end):
                yield block
        except NoSuchObject:
            log.warning("file_missing", video_id=str(video.id))
            raise VideoFileGone("The file of this video is not there any more.") from None


@dataclass(frozen=True, slots=True)
class OpenPoster:
    """The picture of a video that is ready, for its owner."""

    database: Database
    storage: Storage

    async def __call__(self, owner: UUID, video_id: VideoId) -> tuple[Video, Poster]:
        """Whose picture `read` gives; raises `VideoNotFound`, `VideoNotReady`, `VideoFileGone`,
        `PosterNotFound`."""
        video = await FindVideo(self.database)(owner, video_id)
        return video, video.require_poster()

    async def read(self, video: Video, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The poster's bytes from `start` to before `end`; raises `PosterNotFound`."""
        try:
            async for block in self.storage.read(poster_key(video.id), start, end):
                yield block
        except NoSuchObject:
            log.warning("poster_missing", video_id=str(video.id))
            raise PosterNotFound("The poster of this video is not there any more.") from None


@dataclass(frozen=True, slots=True)
class AdoptVideos:
    """Give what a guest has uploaded to the user that they turned out to be."""

    async def __call__(self, tx: Transaction, guest: UUID, user: UUID) -> None:
        """Within `tx`; what is still on its way for the guest will be the user's, too."""
        await Aliases(tx).add(guest, user)
        moved = await Videos(tx).move(guest, user)
        await Uploads(tx).move(guest, user)
        log.info("videos_adopted", videos=moved)


@dataclass(frozen=True, slots=True)
class EraseOwner:
    """Delete everything of somebody who is no more; `sweep` is told to remove the files."""

    clock: Clock
    sweep: Callable[[], None]

    async def __call__(self, tx: Transaction, owner: UUID) -> None:
        """Within `tx`; what is still on its way for them comes to nothing."""
        for one in await Aliases(tx).erase(owner):
            await Uploads(tx).erase_of(one)
            for video_id, revision in await Videos(tx).erase_of(one, self.clock.now()):
                tx.announce(VideoDeleted(video_id, one, revision))
        tx.once_committed(self.sweep)


@dataclass(frozen=True, slots=True)
class DeleteVideo:
    """Delete a video: it is gone at once, its file right after."""

    database: Database
    clock: Clock
    remove_file: RemoveFile

    async def __call__(self, owner: UUID, video_id: VideoId) -> None:
        """Raises `VideoNotFound`."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            video = await Videos(tx).delete(owner, video_id, now)
            if video is None:
                raise VideoNotFound(f"No video of yours has the id {video_id}.")
            tx.announce(VideoDeleted(video.id, video.owner_id, video.revision))
        examined = video.lease_until > now + EMPTYING
        await self.remove_file.now_or_later(video_id, again=examined)
