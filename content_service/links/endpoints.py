"""Links over HTTP: making them, and following them without a token."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from content_service.links.domain import Grant, LinkExpired, LinkForged
from content_service.links.schemas import EXAMPLE, EXAMPLE_BODY, LinkQuery, LinkView, NewLink
from content_service.links.use_cases import MakeLink, OpenLink
from content_service.videos.domain import (
    PosterNotFound,
    VideoFileGone,
    VideoId,
    VideoNotFound,
    VideoNotReady,
    permanent_key,
    poster_key,
)
from content_service.videos.serving import MEDIA_TYPES, served, served_poster
from content_service.videos.use_cases import OpenPoster
from shared.http.endpoint import endpoint
from shared.http.files import ServedFile, file_response
from shared.security.principal import Principal
from shared.storage.storage import StorageUnavailable

_ANYWHERE = {"cross-origin-resource-policy": "cross-origin"}
"""A page of any origin may show what it has a link to."""
_LINK_ERRORS = (LinkForged, LinkExpired, VideoNotFound, VideoFileGone, StorageUnavailable)


@dataclass(frozen=True, slots=True)
class LinkEndpoints:
    """`/api/videos/{id}/links`: making links."""

    make: MakeLink

    @endpoint(
        "POST",
        "/api/videos/{video_id}/links",
        status=201,
        summary="Make a link to a file of a video",
        description="Whoever has the link may fetch that file without a token until it expires: a "
        "`<video>` element, or somebody it is sent to. It cannot be taken back, but it ends with "
        "the video.",
        tag="videos",
        example=EXAMPLE,
        body_example=EXAMPLE_BODY,
        errors=(VideoNotFound, VideoNotReady, VideoFileGone, PosterNotFound),
        scope="videos:write",
    )
    async def create_link(self, video_id: UUID, body: NewLink, caller: Principal) -> LinkView:
        """A link to a file of the caller's video."""
        lifetime = timedelta(seconds=body.expires_in)
        made = await self.make(caller.id, VideoId(video_id), body.what, lifetime, body.disposition)
        return LinkView.of(*made)


@dataclass(frozen=True, slots=True)
class MediaEndpoints:
    """`/api/media`: what links lead to."""

    open: OpenLink
    open_poster: OpenPoster

    @endpoint(
        "GET",
        "/api/media/videos/{video_id}/content",
        summary="Follow a link to a video",
        description="Answers as `GET /api/videos/{video_id}/content` does, or sends the client on "
        "(307) to where the store itself answers. Take the address as it was given: whatever is "
        "changed makes it invalid.",
        tag="videos",
        answers=MEDIA_TYPES,
        sends_file=True,
        errors=_LINK_ERRORS,
    )
    async def follow(self, video_id: UUID, query: LinkQuery, request: Request) -> Response:
        """The file of the video that the link is for."""
        grant = Grant(VideoId(video_id), "content", query.disposition, query.expires)
        video = await self.open(grant, query.signature)
        file = served(video, self.open.open, query.disposition)
        return await self._sent(request, grant, file, permanent_key(video.id))

    @endpoint(
        "GET",
        "/api/media/videos/{video_id}/poster",
        summary="Follow a link to the poster of a video",
        description="As `GET /api/media/videos/{video_id}/content`.",
        tag="videos",
        answers=("image/jpeg",),
        sends_file=True,
        errors=(*_LINK_ERRORS, PosterNotFound),
    )
    async def follow_poster(self, video_id: UUID, query: LinkQuery, request: Request) -> Response:
        """The picture that the link is for."""
        grant = Grant(VideoId(video_id), "poster", query.disposition, query.expires)
        video = await self.open(grant, query.signature)
        read = partial(self.open_poster.read, video)
        file = served_poster(video, video.require_poster(), read)
        file = replace(file, disposition=query.disposition)
        return await self._sent(request, grant, file, poster_key(video.id))

    async def _sent(self, request: Request, grant: Grant, file: ServedFile, key: str) -> Response:
        if request.method == "GET" and (url := self.open.elsewhere(grant, file, key)):
            return RedirectResponse(url, 307, {**_ANYWHERE, "cache-control": "no-store"})
        answer = await file_response(request, file)
        answer.headers.update(_ANYWHERE)
        return answer
