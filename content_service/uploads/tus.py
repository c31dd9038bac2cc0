"""The protocol tus 1.0 on the wire: its headers, and the body of a request."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import format_datetime
from typing import Any, Final, ParamSpec, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from content_service.uploads.checksum import ALGORITHMS
from content_service.uploads.domain import Upload, UploadPaused
from shared.errors import FieldError, Invalid, PreconditionFailed, Problem, UnsupportedType
from shared.http.endpoint import Header

VERSION: Final = "1.0.0"
OFFSET_STREAM: Final = "application/offset+octet-stream"
EXTENSIONS: Final = (
    "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum",
    "termination",
)  # fmt: skip
SILENCE_SECONDS: Final = 10.0
"""How long a client may send nothing; then others may go on with the upload."""

RESUMABLE: Final = Header("Tus-Resumable", "The version of tus: `1.0.0`.")
UPLOAD_OFFSET: Final = Header("Upload-Offset", "How many bytes are there, and durable.")
UPLOAD_LENGTH: Final = Header("Upload-Length", "How many bytes the file has.")
UPLOAD_EXPIRES: Final = Header("Upload-Expires", "Until when the upload may be carried on.")
VIDEO: Final = Header("Content-Location", "The video that it has become: `/api/videos/{id}`.")


class VersionUnsupported(PreconditionFailed):
    """The request is not of tus 1.0 (tus 1.0, Tus-Resumable)."""

    code, title = "tus_version_unsupported", "Send the header Tus-Resumable: 1.0.0"


class OffsetStreamExpected(UnsupportedType):
    """The bytes have another type than tus gives them."""

    code, title = "offset_stream_expected", f"Send the bytes as {OFFSET_STREAM}"


P = ParamSpec("P")


def in_tus(handler: Callable[P, Awaitable[Response]]) -> Callable[P, Awaitable[Response]]:
    """Let a handler, which takes `request`, answer tus 1.0 alone, and say so in every answer."""

    @functools.wraps(handler)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            _require_version(cast("Request", kwargs["request"]))
            answer = await handler(*args, **kwargs)
        except Problem as problem:
            problem.headers["tus-resumable"] = VERSION
            raise
        answer.headers["tus-resumable"] = VERSION
        return answer

    return answered


def _require_version(request: Request) -> None:
    if (given := request.headers.get("tus-resumable")) != VERSION:
        raise VersionUnsupported(
            f"This server speaks tus {VERSION}; Tus-Resumable is {given or 'missing'}.",
            headers={"tus-version": VERSION},
        )


def discovery(max_bytes: int) -> dict[str, str]:
    """The headers that tell what this server can do."""
    return {
        "tus-resumable": VERSION,
        "tus-version": VERSION,
        "tus-extension": ",".join(EXTENSIONS),
        "tus-max-size": str(max_bytes),
        "tus-checksum-algorithm": ",".join(ALGORITHMS),
    }


def state_of(upload: Upload) -> dict[str, str]:
    """The headers that tell how far an upload is."""
    found = {"upload-offset": str(upload.received), "cache-control": "no-store"}
    if upload.finished:
        found["content-location"] = f"/api/videos/{upload.id}"
    else:
        found["upload-expires"] = format_datetime(upload.expires_at, usegmt=True)
    return found


def location_of(upload: Upload) -> str:
    """Where the upload is. Relative (RFC 9110, 10.2.2): whatever stands between the client and us,
    it is under the address to which the client sent its request."""
    return f"/api/uploads/{upload.id}"


def has_bytes(request: Request) -> bool:
    """Whether a request brings the first bytes along; raises `OffsetStreamExpected`."""
    if request.headers.get("content-length", "0") == "0" and not _is_chunked(request):
        return False
    require_offset_stream(request)
    return True


def require_offset_stream(request: Request) -> None:
    """Raise `OffsetStreamExpected` unless the body is what tus calls it."""
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != OFFSET_STREAM:
        raise OffsetStreamExpected(
            f"Send {OFFSET_STREAM}; this request is {given or 'without a type'!r}."
        )


def size_of(request: Request) -> int | None:
    """How many bytes the request announces; None when it does not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and not _is_chunked(request) else None


def _is_chunked(request: Request) -> bool:
    return "transfer-encoding" in request.headers


def wrong(header: str, message: str) -> Invalid:
    """The refusal of a header."""
    return Invalid(errors=(FieldError(header, message),))


class RequestBody:
    """The bytes of a request, in the pieces in which the server has them."""

    def __init__(self, request: Request) -> None:
        self._receive = request.receive

    async def blocks(self) -> AsyncIterator[bytes]:
        """They, once; raises `ClientDisconnect` or `UploadPaused`."""
        more = True
        while more:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if block := message.get("body", b""):
                yield block
            more = message.get("more_body", False)

    async def _next(self) -> Any:
        try:
            async with asyncio.timeout(SILENCE_SECONDS) as limit:
                return await self._receive()
        except TimeoutError:
            if limit.expired():
                raise UploadPaused(
                    f"No byte came for {SILENCE_SECONDS:g} seconds; what came before is kept. Ask "
                    "with HEAD how much that is, and send the rest."
                ) from None
            raise
