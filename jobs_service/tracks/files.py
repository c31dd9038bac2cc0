"""Tracks over HTTP: as JSON that tells its version, and as files."""

from asyncio import to_thread
from uuid import UUID

import msgspec
from starlette.responses import Response

from jobs_service.captions.formats import FORMATS
from jobs_service.captions.track import Track
from jobs_service.tracks.domain import CaptionTrack
from jobs_service.tracks.schemas import Extension
from shared.http.endpoint import Header

ETAG = Header("ETag", "The version, for `If-Match`.")
ETAG_OF_FILE = Header("ETag", "The version, for `If-None-Match` and `If-Match`.")


def track_answer(track: CaptionTrack, shown: msgspec.Struct, status: int = 200) -> Response:
    """What is `shown` of `track`, as JSON with the ETag of its newest version."""
    return Response(
        msgspec.json.encode(shown),
        status,
        {"cache-control": "no-store", "etag": track.etag},
        media_type="application/json",
    )


async def caption_file(track: Track, extension: Extension, name: UUID, etag: str) -> Response:
    """The answer that carries `track`; `name` and `etag` tell it from others."""
    form = FORMATS[extension]
    return Response(
        await to_thread(form.write, track),
        media_type=form.media_type,
        headers={
            "content-disposition": f'inline; filename="captions-{name}.{extension}"',
            "cache-control": "private, no-cache",
            "x-content-type-options": "nosniff",
            "etag": etag,
        },
    )
