"""Taking in the copy that a job has made of a video, once; or nothing, if the job has ended."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

import msgspec

from content_service.copies.domain import CopyCutOff
from content_service.copies.repository import Copies
from content_service.events import VideoDeleted
from content_service.videos.domain import Video, VideoId, incoming_key, permanent_key
from content_service.videos.limits import Plan, check_room, check_size
from content_service.videos.media_types import MP4
from content_service.videos.reception import Arrived, Reception
from content_service.videos.repository import Videos
from content_service.videos.upload import RECEIVING_LEASE
from content_service.videos.upload_form import MAX_TITLE
from content_service.videos.use_cases import OpenVideo
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.ids import uuid7

SECONDS_BETWEEN_FORGETTING = 3600.0
_MAX_STEM = 80
"""Characters of a file's name, of three bytes perhaps; systems take 255 bytes."""


class NewCopy(msgspec.Struct, frozen=True):
    """A file on its way: what of, by which job, what tells it from the original, and its bytes."""

    source_id: VideoId
    job_id: UUID
    note: str
    size: int


class _Late(Exception):  # noqa: N818 - a fact, not a fault
    """Another attempt was first, or the job has ended."""


@dataclass(frozen=True, slots=True)
class KeepCopy:
    """Makes a video of what a job has made of another, for the same owner and under the same plan.

    The owner is that of the original when the file arrives.
    """

    reception: Reception
    open_video: OpenVideo

    async def known(self, source_id: VideoId, job_id: UUID) -> VideoId | None:
        """The copy that the job has made already; None when it may make one.

        A copy is reckoned to be as large as its original. Raises `CopyUnwanted`, `TooManyVideos`,
        `QuotaExceeded`, and as `OpenVideo`.
        """
        found = await self._made(job_id)
        if found is None:
            source = await self.open_video(source_id, None)
            plan = self.reception.admission.limits.named(source.plan)
            used = await Videos(self.reception.database).used(source.owner_id)
            check_room(plan, used, source.size_bytes)
        return found

    async def __call__(self, new: NewCopy, blocks: AsyncIterator[bytes]) -> VideoId:
        """The copy; can be repeated, also at the same time.

        Raises `CopyUnwanted`, `CopyCutOff`, `VideoTooLarge`, `TooManyVideos`, `QuotaExceeded`,
        `OwnerErased`, `UploadAbandoned`, `StorageUnavailable`, and as `OpenVideo`.
        """
        if (made := await self._made(new.job_id)) is not None:
            return made
        source = await self.open_video(new.source_id, None)
        plan = self.reception.admission.limits.named(source.plan)
        video_id = await self._begin(source, plan, new)
        try:
            file = Arrived(
                _noted(source.title, new.note, MAX_TITLE),
                MP4.content_type,
                new.size,
                await self._receive(video_id, new.size, blocks),
            )
            await self._accept(new.job_id, video_id, file, plan)
        except _Late:
            await self.reception.abandon(video_id)
            return await self._require_made(new.job_id)
        except BaseException:  # a worker that left and a cancelled task leave nothing either
            await self.reception.abandon(video_id)
            raise
        return video_id

    async def _made(self, job_id: UUID) -> VideoId | None:
        found = await Copies(self.reception.database).find(job_id)
        if found is None:
            return None
        found.require_wanted()
        return found.video_id

    async def _require_made(self, job_id: UUID) -> VideoId:
        made = await self._made(job_id)
        if made is None:
            raise RuntimeError(f"the copy of job {job_id} is known and not there")
        return made

    async def _begin(self, source: Video, plan: Plan, new: NewCopy) -> VideoId:
        video_id, now = VideoId(uuid7()), self.reception.clock.now()
        check_size(plan, new.size)
        async with self.reception.database.transaction() as tx:
            owner = await Aliases(tx).owner(source.owner_id, alone=True)
            check_room(plan, await Videos(tx).used(owner), new.size)
            await Videos(tx).add_receiving(
                video_id,
                owner,
                f"{_noted(PurePath(source.filename).stem, new.note, _MAX_STEM)}.mp4",
                MP4.content_type,
                now,
                now + RECEIVING_LEASE,
                plan=plan.name,
                size=new.size,
            )
        return video_id

    async def _receive(self, video_id: VideoId, size: int, blocks: AsyncIterator[bytes]) -> str:
        """Write the file under its incoming key; its SHA-256."""
        clock, videos = self.reception.clock, Videos(self.reception.database)
        digest, received = hashlib.sha256(), 0
        renewal = RECEIVING_LEASE.total_seconds() / 2
        renew_at = clock.monotonic() + renewal
        async with self.reception.storage.writer(incoming_key(video_id), [digest]) as writer:
            async for block in blocks:
                received += len(block)
                await writer.write(block)
                if received > size:
                    break
                if clock.monotonic() >= renew_at:
                    await videos.prolong_receiving(video_id, clock.now() + RECEIVING_LEASE)
                    renew_at = clock.monotonic() + renewal
        if received != size:
            raise CopyCutOff(f"{size} bytes were announced; {received} have come.")
        return digest.hexdigest()

    async def _accept(self, job_id: UUID, video_id: VideoId, file: Arrived, plan: Plan) -> None:
        await self.reception.storage.move(incoming_key(video_id), permanent_key(video_id))
        async with self.reception.database.transaction() as tx:
            if not await Copies(tx).made(job_id, video_id):
                raise _Late
            await self.reception.accept_in(tx, video_id, file, plan)


@dataclass(frozen=True, slots=True)
class DiscardCopy:
    """Let nothing come of the copy of a job that has failed or was cancelled; `sweep` is told to
    remove the file."""

    clock: Clock
    sweep: Callable[[], None]

    async def __call__(self, tx: Transaction, job_id: UUID) -> None:
        """Within `tx`, also when the copy is still to come; raises `OwnerErased`, whose videos are
        gone anyway."""
        made = await Copies(tx).unwant(job_id)
        video = await Videos(tx).find(made) if made else None
        if video is None:
            return
        owner = await Aliases(tx).owner(video.owner_id)  # who may adopt it in this moment
        gone = await Videos(tx).delete(owner, video.id, self.clock.now())
        if gone is not None:
            tx.announce(VideoDeleted(gone.id, gone.owner_id, gone.revision))
            tx.once_committed(self.sweep)


@dataclass(frozen=True, slots=True)
class ForgetCopies:
    """Forget what jobs of long ago have made."""

    database: Database

    async def __call__(self) -> None:
        """Delete the old rows."""
        await Copies(self.database).forget_old()


def _noted(name: str, note: str, most: int) -> str:
    """What a copy is called: as its original, and what tells it from that, in brackets."""
    end = f" [{note}]"
    return f"{name[: most - len(end)]}{end}"
