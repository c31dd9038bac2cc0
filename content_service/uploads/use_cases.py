"""What clients do with uploads beside sending bytes: begin, look, give up."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from content_service.uploads.domain import (
    REMEMBERED,
    Upload,
    UploadFinished,
    UploadGone,
    UploadNotFound,
)
from content_service.uploads.finish import RemoveUpload
from content_service.uploads.holds import Holds
from content_service.uploads.metadata import Description
from content_service.uploads.repository import Uploads
from content_service.videos.domain import VideoId
from content_service.videos.reception import Arriving, Reception
from shared.clock import Clock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class CreateUpload:
    """Begin an upload, for which there will be room; it may be carried on for `lifetime`, and as
    long again after each byte."""

    reception: Reception
    lifetime: timedelta

    async def __call__(self, caller: Principal, length: int | None, metadata: str) -> Upload:
        """Raises `Invalid`, `VideoTooLarge`, `TooManyVideos`, `QuotaExceeded` or `OwnerErased`."""
        description = Description.of(metadata)
        upload_id, now = VideoId(uuid7()), self.reception.clock.now()
        until = now + self.lifetime
        async with self.reception.database.transaction() as tx:
            arriving = Arriving(description.filename, "", length)
            owner = await self.reception.begin(tx, upload_id, caller, arriving, until)
            upload = Upload(
                upload_id, owner, length, 0, metadata, (), finished=False,
                created_at=now, expires_at=until,
            )  # fmt: skip
            await Uploads(tx).add(upload)
        return upload


@dataclass(frozen=True, slots=True)
class FindUpload:
    """One upload of its owner."""

    database: Database
    clock: Clock
    holds: Holds

    async def __call__(self, owner: UUID, upload_id: VideoId) -> Upload:
        """Raises `UploadNotFound` or `UploadGone`."""
        upload = await Uploads(self.database).find_of(owner, upload_id)
        if upload is None:
            raise UploadNotFound(f"No upload of yours has the id {upload_id}.")
        if upload.expires_at <= self.clock.now() and not upload.finished:
            raise UploadGone(f"The upload was not finished by {upload.expires_at:%FT%TZ}.")
        return upload

    async def at_rest(self, owner: UUID, upload_id: VideoId) -> Upload:
        """As a call; a request that has just been cut off has written down how far it came."""
        await self(owner, upload_id)
        await self.holds.quiet(upload_id)
        return await self(owner, upload_id)


@dataclass(frozen=True, slots=True)
class TerminateUpload:
    """Give an upload up: nothing is left of it."""

    find: FindUpload
    holds: Holds
    remove: RemoveUpload

    async def __call__(self, owner: UUID, upload_id: VideoId) -> None:
        """Raises as `FindUpload`, `UploadFinished`, or `UploadLocked` while bytes arrive."""
        upload = await self.find(owner, upload_id)
        if not upload.finished:
            async with self.holds.hold(upload_id) as hold:
                await self.remove(hold.upload)
            return
        raise UploadFinished(f"To remove it, DELETE /api/videos/{upload_id}.")


@dataclass(frozen=True, slots=True)
class ForgetUploads:
    """Forget uploads that have expired long ago; their files went when they did."""

    database: Database
    clock: Clock

    async def __call__(self) -> None:
        """All that are due."""
        await Uploads(self.database).forget(self.clock.now() - REMEMBERED)
