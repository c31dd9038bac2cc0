"""A track as a file, over HTTP."""

from uuid import UUID

from starlette.responses import Response

from jobs_service.captions.formats import FORMATS
from jobs_service.captions.track import Track
from jobs_service.tracks.schemas import Extension


def caption_file(track: Track, extension: Extension, name: UUID, etag: str) -> Response:
    """The answer that carries `track`; `name` and `etag` tell it from others."""
    form = FORMATS[extension]
    return Response(
        form.write(track),
        media_type=form.media_type,
        headers={
            "content-disposition": f'inline; filename="captions-{name}.{extension}"',
            "cache-control": "private, no-cache",
            "x-content-type-options": "nosniff",
            "etag": etag,
        },
    )


MEDIA_TYPES = tuple(form.media_type for form in FORMATS.values())
