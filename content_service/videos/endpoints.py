"""Videos over HTTP."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from content_service.videos.domain import (
    PosterNotFound,
    VideoFileGone,
    VideoId,
    VideoNotFound,
    VideoNotReady,
)
from content_service.videos.limits import Limits, QuotaExceeded, TooManyVideos, VideoTooLarge
from content_service.videos.media_types import UnsupportedMedia
from content_service.videos.repository import Videos
from content_service.videos.schemas import (
    EXAMPLE,
    JUST_STORED,
    UPLOAD_SCHEMA,
    USAGE_EXAMPLE,
    UsageView,
    VideoView,
)
from content_service.videos.serving import MEDIA_TYPES, DownloadQuery, served, served_poster
from content_service.videos.upload import UploadVideo
from content_service.videos.upload_form import (
    FormBroken,
    FormExpected,
    FormTooLarge,
    UploadForm,
    UploadStalled,
)
from content_service.videos.use_cases import DeleteVideo, FindVideo, OpenPoster, OpenVideo
from shared.db.aliases import OwnerErased
from shared.db.database import Database
from shared.errors import Invalid
from shared.http.endpoint import endpoint
from shared.http.files import file_response
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.principal import CallingService, Principal
from shared.storage.storage import StorageUnavailable

_FORM_OVERHEAD = 64 * 1024
"""Bytes that a form may need around its file."""
_SENDING_ERRORS = (
    VideoNotFound,
    VideoNotReady,
    VideoFileGone,
    StorageUnavailable,
)


@dataclass(frozen=True, slots=True)
class VideoEndpoints:
    """`/api/videos`: upload, list, read, send, delete."""

    database: Database
    cursors: Cursors
    upload: UploadVideo
    find: FindVideo
    open: OpenVideo
    delete_video: DeleteVideo
    open_poster: OpenPoster
    limits: Limits

    @endpoint(
        "POST",
        "/api/videos",
        status=201,
        summary="Upload a video",
        description="Streams one file of any accepted container. The answer comes when the file "
        "is stored; it is then examined, and becomes `ready` or `rejected`. Guests may send "
        "smaller files than others, and keep only a few.",
        tag="videos",
        accepts=("multipart/form-data",),
        body_schema=UPLOAD_SCHEMA,
        example=JUST_STORED,
        errors=(
            UnsupportedMedia,
            FormExpected,
            VideoTooLarge,
            TooManyVideos,
            QuotaExceeded,
            OwnerErased,
            FormTooLarge,
            FormBroken,
            UploadStalled,
            Invalid,
            StorageUnavailable,
        ),
        scope="videos:write",
    )
    async def create(self, request: Request, caller: Principal) -> VideoView:
        """Store the file of the form, as it arrives."""
        self._refuse_by_length(caller, request.headers.get("content-length", ""))
        form = UploadForm(request.headers.get("content-type", ""), request.stream())
        return VideoView.of(await self.upload(caller, form))

    @endpoint(
        "GET",
        "/api/videos",
        summary="List your videos",
        description="Newest first.",
        tag="videos",
        example=Page([EXAMPLE], None),
        scope="videos:read",
    )
    async def list(self, query: PageQuery, caller: Principal) -> Page[VideoView]:
        """One page of the caller's videos."""
        after = self.cursors.decode(query.cursor, tuple[VideoId])[0] if query.cursor else None
        found = await Videos(self.database).list_of(caller.id, query.limit + 1, after)
        return self.cursors.page(
            [VideoView.of(video) for video in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "GET",
        "/api/videos/usage",
        summary="Read what you keep, and what your plan allows",
        description="Videos that are rejected, expired or deleted do not count; uploads under way "
        "do.",
        tag="videos",
        example=USAGE_EXAMPLE,
        scope="videos:read",
    )
    async def usage(self, caller: Principal) -> UsageView:
        """The caller's plan, and what is used of it."""
        used = await Videos(self.database).used(caller.id)
        return UsageView.of(self.limits.of(caller), used)

    @endpoint(
        "GET",
        "/api/videos/{video_id}",
        summary="Read one of your videos",
        tag="videos",
        example=EXAMPLE,
        errors=(VideoNotFound,),
        scope="videos:read",
    )
    async def read(self, video_id: UUID, caller: Principal) -> VideoView:
        """The caller's video."""
        return VideoView.of(await self.find(caller.id, VideoId(video_id)))

    @endpoint(
        "GET",
        "/api/videos/{video_id}/content",
        summary="Download or play a video",
        description="The file as it was uploaded. Answers `Range` (one range; several are answered "
        "with the whole file), `If-Range`, `If-Match`, `If-None-Match` and HEAD. A browser saves "
        "it, or plays it with `disposition=inline`.",
        tag="videos",
        answers=MEDIA_TYPES,
        sends_file=True,
        errors=_SENDING_ERRORS,
        scope="videos:read",
    )
    async def content(
        self, video_id: UUID, query: DownloadQuery, request: Request, caller: Principal
    ) -> Response:
        """The file of the caller's video, whole or in part."""
        video = await self.open(VideoId(video_id), caller.id)
        return await file_response(request, served(video, self.open, query.disposition))

    @endpoint(
        "GET",
        "/api/videos/{video_id}/poster",
        summary="Read the poster of a video",
        description="A JPEG picture, up to 640 pixels wide, from the first tenth of a video, once "
        "it is ready. A recording without a picture has none.",
        tag="videos",
        answers=("image/jpeg",),
        sends_file=True,
        errors=(*_SENDING_ERRORS, PosterNotFound),
        scope="videos:read",
    )
    async def poster(self, video_id: UUID, request: Request, caller: Principal) -> Response:
        """The picture of the caller's video."""
        video, poster = await self.open_poster(caller.id, VideoId(video_id))
        read = partial(self.open_poster.read, video)
        return await file_response(request, served_poster(video, poster, read))

    @endpoint(
        "DELETE",
        "/api/videos/{video_id}",
        status=204,
        summary="Delete a video and its file",
        tag="videos",
        errors=(VideoNotFound,),
        scope="videos:write",
    )
    async def delete(self, video_id: UUID, caller: Principal) -> None:
        """Delete the caller's video."""
        await self.delete_video(caller.id, VideoId(video_id))

    def _refuse_by_length(self, caller: Principal, content_length: str) -> None:
        if content_length.isdecimal():
            self.upload.check_size(caller, int(content_length) - _FORM_OVERHEAD)


@dataclass(frozen=True, slots=True)
class InternalVideoEndpoints:
    """`/internal/videos`: what other services may read."""

    open: OpenVideo

    @endpoint(
        "GET",
        "/internal/videos/{video_id}/content",
        summary="Stream the source of a video to a worker",
        tag="internal",
        answers=MEDIA_TYPES,
        sends_file=True,
        errors=_SENDING_ERRORS,
        callers=("auth", "jobs"),
    )
    async def content(self, video_id: UUID, request: Request, caller: CallingService) -> Response:
        """The file of any video that is ready."""
        video = await self.open(VideoId(video_id), None)
        return await file_response(request, served(video, self.open))
