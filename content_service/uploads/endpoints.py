"""Uploads that can be resumed, over HTTP: tus 1.0 (https://tus.io/protocols/resumable-upload)."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from content_service.uploads import tus
from content_service.uploads.checksum import ALGORITHMS, Checksum
from content_service.uploads.checksum import HEADER as CHECKSUM
from content_service.uploads.domain import (
    ChecksumMismatch,
    ChecksumUnsupported,
    OffsetConflict,
    TooManyBytes,
    Upload,
    UploadFinished,
    UploadGone,
    UploadLocked,
    UploadNotFound,
    UploadPaused,
)
from content_service.uploads.metadata import HEADER as METADATA
from content_service.uploads.receive import Part, ReceivePart
from content_service.uploads.use_cases import CreateUpload, FindUpload, TerminateUpload
from content_service.videos.domain import VideoId
from content_service.videos.limits import QuotaExceeded, TooManyVideos, VideoTooLarge
from content_service.videos.media_types import UnsupportedMedia
from content_service.videos.reception import UploadAbandoned
from shared.db.aliases import OwnerErased
from shared.errors import Invalid, MethodNotAllowed, Problem
from shared.http.endpoint import Header, endpoint
from shared.security.principal import Principal
from shared.storage.storage import StorageUnavailable

_BYTES: dict[str, Any] = {"type": "string", "contentMediaType": tus.OFFSET_STREAM}
_LARGEST = 1 << 62

Version = Annotated[str | None, tus.RESUMABLE]
Length = Annotated[
    Annotated[int, Meta(ge=1, le=_LARGEST)] | None,
    Header("Upload-Length", "How many bytes the file has."),
]
Sum = Annotated[
    str | None,
    Header(CHECKSUM, f"Of this request's bytes: {' or '.join(ALGORITHMS)}, a space, Base64."),
]
Offset = Annotated[
    Annotated[int, Meta(ge=0, le=_LARGEST)],
    Header("Upload-Offset", "Where these bytes begin: at the end of those that are there."),
]
_ROOM = (VideoTooLarge, TooManyVideos, QuotaExceeded)
_BROUGHT: tuple[type[Problem], ...] = (
    tus.VersionUnsupported, tus.OffsetStreamExpected, UnsupportedMedia, ChecksumUnsupported,
    ChecksumMismatch, OffsetConflict, UploadLocked, UploadPaused, UploadAbandoned, TooManyBytes,
    *_ROOM, OwnerErased, Invalid, StorageUnavailable,
)  # fmt: skip
_FOUND: tuple[type[Problem], ...] = (tus.VersionUnsupported, UploadNotFound, UploadGone)
_PROGRESS = (tus.RESUMABLE, tus.UPLOAD_OFFSET, tus.UPLOAD_EXPIRES, tus.VIDEO)
_DISCOVERED = (
    tus.RESUMABLE,
    Header("Tus-Version", "The versions of tus that are spoken here."),
    Header("Tus-Extension", "What is done beyond its core."),
    Header("Tus-Max-Size", "How many bytes a file may have at most."),
    Header("Tus-Checksum-Algorithm", f"What `{CHECKSUM}` may name."),
)


@dataclass(frozen=True, slots=True)
class UploadEndpoints:
    """`/api/uploads`: discover, begin, ask, send, give up."""

    max_bytes: int
    begin: CreateUpload
    receive: ReceivePart
    find: FindUpload
    terminate: TerminateUpload

    @endpoint(
        "OPTIONS",
        "/api/uploads",
        status=204,
        summary="Discover what uploads can do",
        tag="uploads",
        answer_headers=_DISCOVERED,
    )
    async def discover(self) -> Response:
        """What tus calls the server's configuration."""
        return Response(status_code=204, headers=tus.discovery(self.max_bytes))

    @endpoint(
        "OPTIONS",
        "/api/uploads/{upload_id}",
        status=204,
        summary="Discover what an upload can do",
        tag="uploads",
        errors=(UploadNotFound,),
        answer_headers=_DISCOVERED,
    )
    async def discover_one(self, upload_id: UUID) -> Response:
        """The same for every upload."""
        return await self.discover()

    @endpoint(
        "POST",
        "/api/uploads",
        status=201,
        summary="Begin an upload that can be resumed",
        description="As tus 1.0 has it. The file is sent to the `Location` of the answer, in as "
        "many PATCH requests as you like; its first bytes may come with this one. When all of it "
        "is there, it is a video, whose id is that of the upload.",
        tag="uploads",
        accepts=(tus.OFFSET_STREAM,),
        body_schema=_BYTES,
        answer_headers=(Header("Location", "Where the bytes go."), *_PROGRESS),
        errors=_BROUGHT,
        scope="videos:write",
    )
    @tus.in_tus
    async def create(
        self,
        request: Request,
        caller: Principal,
        version: Version,
        length: Length,
        deferred: Annotated[
            str | None, Header("Upload-Defer-Length", "`1`, when the length is not known yet.")
        ],
        metadata: Annotated[
            str | None,
            Header(METADATA, "`filename`, `title` and others: key, space, Base64; comma."),
        ],
        checksum: Sum,
    ) -> Response:
        """Begin an upload, and take the bytes that come along."""
        _require_one(length, deferred)
        part = _part(request, 0, None, checksum) if tus.has_bytes(request) else None
        upload = await self.begin(caller, length, metadata or "")
        if part is not None:
            upload = await self.receive(caller, upload, part)
        headers = {"location": tus.location_of(upload), **tus.state_of(upload)}
        return Response(status_code=201, headers=headers)

    @endpoint(
        "HEAD",
        "/api/uploads/{upload_id}",
        summary="Ask how far an upload is",
        tag="uploads",
        answer_headers=(
            *_PROGRESS,
            tus.UPLOAD_LENGTH,
            Header("Upload-Defer-Length", "`1`, while the length is not known."),
            Header(METADATA, "As it was sent."),
        ),
        errors=_FOUND,
        scope="videos:write",
    )
    @tus.in_tus
    async def state(
        self, upload_id: UUID, request: Request, caller: Principal, version: Version
    ) -> Response:
        """Where to go on."""
        upload = await self.find.at_rest(caller.id, VideoId(upload_id))
        headers = tus.state_of(upload)
        if upload.length is None:
            headers["upload-defer-length"] = "1"
        else:
            headers["upload-length"] = str(upload.length)
        if upload.metadata:
            headers["upload-metadata"] = upload.metadata
        return Response(headers=headers)

    @endpoint(
        "PATCH",
        "/api/uploads/{upload_id}",
        status=204,
        summary="Send bytes of an upload",
        description="As many as you like. What has arrived when the connection breaks is kept, "
        f"unless `{CHECKSUM}` is sent.",
        tag="uploads",
        accepts=(tus.OFFSET_STREAM,),
        body_schema=_BYTES,
        answer_headers=_PROGRESS,
        errors=(*_FOUND, *_BROUGHT),
        scope="videos:write",
    )
    @tus.in_tus
    async def append(
        self,
        upload_id: UUID,
        request: Request,
        caller: Principal,
        version: Version,
        offset: Offset,
        length: Length,
        checksum: Sum,
    ) -> Response:
        """Take the bytes; with the last ones, the file becomes a video."""
        tus.require_offset_stream(request)
        part = _part(request, offset, length, checksum)
        upload = await self.find(caller.id, VideoId(upload_id))
        return _progress(await self.receive(caller, upload, part))

    @endpoint(
        "DELETE",
        "/api/uploads/{upload_id}",
        status=204,
        summary="Give an upload up",
        description="Nothing of it is kept. A finished one is a video: delete that.",
        tag="uploads",
        answer_headers=(tus.RESUMABLE,),
        errors=(*_FOUND, UploadLocked, UploadFinished, StorageUnavailable),
        scope="videos:write",
    )
    @tus.in_tus
    async def delete(
        self, upload_id: UUID, request: Request, caller: Principal, version: Version
    ) -> Response:
        """Remove what has arrived."""
        await self.terminate(caller.id, VideoId(upload_id))
        return Response(status_code=204)

    @endpoint(
        "POST",
        "/api/uploads/{upload_id}",
        status=204,
        summary="Send bytes of an upload, or give it up, without PATCH and DELETE",
        description="For clients behind something that lets only GET and POST through.",
        tag="uploads",
        accepts=(tus.OFFSET_STREAM,),
        body_schema=_BYTES,
        answer_headers=_PROGRESS,
        errors=(*_FOUND, *_BROUGHT, UploadFinished, MethodNotAllowed),
        scope="videos:write",
    )
    async def overridden(
        self,
        upload_id: UUID,
        request: Request,
        caller: Principal,
        method: Annotated[
            str, Header("X-HTTP-Method-Override", "`PATCH`, `DELETE` or `HEAD`: what is meant.")
        ],
        version: Version,
        offset: Annotated[Annotated[int, Meta(ge=0, le=_LARGEST)] | None, tus.UPLOAD_OFFSET],
        length: Length,
        checksum: Sum,
    ) -> Response:
        """Do what is meant."""
        match method.upper():
            case "PATCH":
                if offset is None:
                    raise tus.wrong("Upload-Offset", "this header is required")
                return await self.append(
                    upload_id=upload_id, request=request, caller=caller, version=version,
                    offset=offset, length=length, checksum=checksum,
                )  # fmt: skip
            case "DELETE":
                return await self.delete(
                    upload_id=upload_id, request=request, caller=caller, version=version
                )
            case "HEAD":
                return await self.state(
                    upload_id=upload_id, request=request, caller=caller, version=version
                )
        raise MethodNotAllowed(f"{method} cannot be meant here: PATCH, DELETE and HEAD can.")


def _require_one(length: int | None, deferred: str | None) -> None:
    """Raise `Invalid` unless the length is told, or said to come later."""
    if deferred not in (None, "1"):
        raise tus.wrong("Upload-Defer-Length", "must be 1")
    if (length is None) == (deferred is None):
        raise tus.wrong("Upload-Length", "is required, or else Upload-Defer-Length: 1")


def _part(request: Request, offset: int, length: int | None, checksum: str | None) -> Part:
    return Part(
        offset,
        tus.size_of(request),
        tus.RequestBody(request),
        None if checksum is None else Checksum.of(checksum),
        length,
    )


def _progress(upload: Upload) -> Response:
    return Response(status_code=204, headers=tus.state_of(upload))
