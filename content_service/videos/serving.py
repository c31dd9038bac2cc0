"""How the file of a video is sent, to whoever may have it."""

from collections.abc import AsyncGenerator, Callable
from functools import partial

import msgspec

from content_service.videos.domain import Poster, Video
from content_service.videos.media_types import extensions_of
from content_service.videos.use_cases import OpenVideo
from shared.http.files import Disposition, ServedFile

MEDIA_TYPES = ("video/*", "audio/*", "application/ogg")
"""What the file of a video may be, for the API's document."""


class DownloadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser that is sent to a file does with it: `attachment` saves, `inline` plays."""

    disposition: Disposition = "attachment"


def served(video: Video, file: OpenVideo, disposition: Disposition = "attachment") -> ServedFile:
    """The file of a video that `file` has opened.

    It never changes once it can be seen, so that the time of its upload is that of its last change.
    """
    return ServedFile(
        filename=download_name(video),
        media_type=video.content_type,
        size=video.size_bytes,
        etag=video.sha256,
        read=partial(file.read, video),
        modified=video.created_at,
        disposition=disposition,
    )


def served_poster(
    video: Video, poster: Poster, read: Callable[[int, int], AsyncGenerator[bytes, None]]
) -> ServedFile:
    """The picture of a video, whose bytes `read` gives."""
    return ServedFile(
        filename=f"{video.title or 'poster'}.jpg",
        media_type="image/jpeg",
        size=poster.size,
        etag=poster.sha256,
        read=read,
        disposition="inline",
    )


def download_name(video: Video) -> str:
    """The name that the file came with, under which no system takes it for anything but media."""
    extensions = extensions_of(video.content_type)
    name = video.filename or video.title or "video"
    fits = name.lower().endswith(extensions)
    return name if fits else f"{name}{extensions[0]}"
