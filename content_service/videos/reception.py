"""What every way of uploading shares: who may send what, and how a file becomes a video.

begin → bytes under the incoming key → accept, or abandon
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from content_service.videos.admission import Admission
from content_service.videos.domain import EMPTYING, Video, VideoId, incoming_key, permanent_key
from content_service.videos.limits import Plan, check_size
from content_service.videos.repository import Videos
from content_service.videos.use_cases import RemoveFile
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import Conflict
from shared.security.principal import Principal, UserId
from shared.storage.storage import Storage


class UploadAbandoned(Conflict):
    """The server stood still for so long that the upload was given up."""

    code, title = "upload_abandoned", "The upload was interrupted; send it again"


@dataclass(frozen=True, slots=True)
class Arriving:
    """A file on its way: what is known of it before its first byte; its size in bytes may be
    unknown, and its content type empty."""

    filename: str
    content_type: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is whole: what it is called, what it is, its size in bytes and its SHA-256."""

    title: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Reception:
    """Admits uploads, and makes videos of files that have arrived."""

    database: Database
    storage: Storage
    clock: Clock
    remove_file: RemoveFile
    admission: Admission
    stored: Callable[[], None]
    """Called for each video that may be examined."""

    def check_size(self, caller: Principal, size: int) -> None:
        """Raises `VideoTooLarge` when a file has, or has so far, more bytes than `caller` may
        send."""
        check_size(self.admission.plan_of(caller), size)

    async def begin(
        self,
        tx: Transaction,
        video_id: VideoId,
        caller: Principal,
        arriving: Arriving,
        until: datetime,
    ) -> UserId:
        """Note in `tx` that a file of `caller` arrives, for which the sweeper waits `until` then;
        who owns it.

        Raises `VideoTooLarge`, `TooManyVideos`, `QuotaExceeded` or `OwnerErased`.
        """
        owner = await self.admission.reserve(tx, caller, video_id, arriving.size)
        await Videos(tx).add_receiving(
            video_id,
            owner,
            arriving.filename,
            arriving.content_type,
            self.clock.now(),
            until,
            plan=self.admission.plan_of(caller).name,
            size=arriving.size,
        )
        return owner

    async def accept(
        self, video_id: VideoId, file: Arrived, plan: Plan, caller: Principal
    ) -> Video:
        """Make the file under the incoming key a video.

        Raises `UploadAbandoned`, `StorageUnavailable`, and as `begin`.
        """
        await self.storage.move(incoming_key(video_id), permanent_key(video_id))
        async with self.database.transaction() as tx:
            await self.admission.correct(tx, caller, video_id, file.size)
            return await self.accept_in(tx, video_id, file, plan)

    async def accept_in(
        self, tx: Transaction, video_id: VideoId, file: Arrived, plan: Plan
    ) -> Video:
        """Make the file under the permanent key a video, in `tx`; raises `UploadAbandoned`."""
        now = self.clock.now()
        video = await Videos(tx).accept(
            video_id,
            title=file.title,
            content_type=file.content_type,
            size=file.size,
            sha256=file.sha256,
            now=now,
            expires=now + plan.retention,
        )
        if video is None:
            raise UploadAbandoned("The upload was given up, for want of progress or of its owner.")
        tx.once_committed(self.stored)
        return video

    async def abandon(self, video_id: VideoId) -> None:
        """Leave nothing of an upload that has not become a video."""
        videos = Videos(self.database)
        await videos.abandon(video_id, self.clock.now() + EMPTYING)
        if not await videos.keeps(video_id):
            await self.remove_file.now_or_later(video_id)
