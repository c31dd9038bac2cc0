"""HTTP between services: copies of videos that jobs make."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from starlette.requests import Request

from content_service.copies.domain import CopyCutOff, CopyUnwanted
from content_service.copies.use_cases import KeepCopy, NewCopy
from content_service.videos.domain import VideoFileGone, VideoId, VideoNotFound, VideoNotReady
from content_service.videos.limits import QuotaExceeded, TooManyVideos, VideoTooLarge
from content_service.videos.reception import UploadAbandoned
from shared.db.aliases import OwnerErased
from shared.http.endpoint import Header, endpoint
from shared.security.principal import CallingService
from shared.storage.storage import StorageUnavailable

_COPYING = (
    CopyUnwanted,
    VideoNotFound,
    VideoNotReady,
    VideoFileGone,
    TooManyVideos,
    QuotaExceeded,
)
Length = Annotated[
    int, Header("Content-Length", "Of the file, in bytes: its room is taken before it arrives.")
]


class CopyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What tells the copy from its original, such as the language of its captions."""

    note: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class CopyView(msgspec.Struct, frozen=True):
    """The video that a job has made; null while it has made none."""

    video_id: UUID | None


_EXAMPLE = CopyView(UUID("01936f2e-4a71-7c3e-9b1d-5f0a6c2e8d11"))


@dataclass(frozen=True, slots=True)
class InternalCopyEndpoints:
    """`/internal/videos/{id}/copies`: what workers make of videos."""

    keep: KeepCopy

    @endpoint(
        "GET",
        "/internal/videos/{video_id}/copies/{job_id}",
        summary="Ask for the copy of a job, or whether there is room for one",
        tag="internal",
        example=_EXAMPLE,
        errors=_COPYING,
        callers=("jobs",),
    )
    async def read(self, video_id: UUID, job_id: UUID, caller: CallingService) -> CopyView:
        """Before the job begins its work."""
        return CopyView(await self.keep.known(VideoId(video_id), job_id))

    @endpoint(
        "PUT",
        "/internal/videos/{video_id}/copies/{job_id}",
        summary="Keep the copy that a job has made",
        description="An MP4 file, streamed. A job has one copy: a second is not kept, and the "
        "answer names the first.",
        tag="internal",
        accepts=("video/mp4",),
        body_schema={"type": "string", "format": "binary"},
        example=_EXAMPLE,
        errors=(
            *_COPYING,
            CopyCutOff,
            VideoTooLarge,
            OwnerErased,
            UploadAbandoned,
            StorageUnavailable,
        ),
        callers=("jobs",),
    )
    async def write(
        self,
        video_id: UUID,
        job_id: UUID,
        query: CopyQuery,
        request: Request,
        content_length: Length,
        caller: CallingService,
    ) -> CopyView:
        """Make a video of the file."""
        new = NewCopy(VideoId(video_id), job_id, query.note, content_length)
        return CopyView(await self.keep(new, request.stream()))
