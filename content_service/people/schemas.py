"""What other services are told of a person."""

from typing import Self

import msgspec

from content_service.uploads.schemas import UploadView
from content_service.videos.domain import Video
from content_service.videos.schemas import EXAMPLE, VideoView


class FileOf(msgspec.Struct, frozen=True):
    """Where a file can be fetched here, and a name for it."""

    path: str
    name: str


class KnownOf(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is known of a person; those of a kind follow each other."""

    kind: str
    record: VideoView
    file: FileOf | None = None

    @classmethod
    def video(cls, video: Video) -> Self:
        """A video, and its file while there is one."""
        return cls("videos", VideoView.of(video), _file(video) if video.state == "ready" else None)


class KnownUpload(msgspec.Struct, frozen=True):
    """An upload that is under way; what has arrived of its file is of no use yet."""

    record: UploadView
    kind: str = "uploads"


def _file(video: Video) -> FileOf:
    _, dot, suffix = video.filename.rpartition(".")
    name = f"{video.id}.{suffix}" if dot else str(video.id)
    return FileOf(f"/internal/videos/{video.id}/content", name)


EXAMPLE_LINE = KnownOf(
    "videos",
    EXAMPLE,
    FileOf(f"/internal/videos/{EXAMPLE.id}/content", f"{EXAMPLE.id}.mp4"),
)
