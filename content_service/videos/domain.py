"""Videos and their life: `receiving → stored → probing → ready | rejected → expired`.

A deleted video stays as a tombstone until its file is gone; nobody sees it, or one still
receiving.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, NewType
from uuid import UUID

import msgspec

from shared.errors import Conflict, Gone, NotFound

VideoId = NewType("VideoId", UUID)
State = Literal["receiving", "stored", "probing", "ready", "rejected", "expired", "deleted"]
VisibleState = Literal["stored", "probing", "ready", "rejected", "expired"]

HIDDEN: Final[tuple[State, ...]] = ("receiving", "deleted")
TO_PROBE: Final[tuple[State, ...]] = ("stored", "probing")
BEFORE: Final[dict[State, tuple[State, ...]]] = {
    "stored": ("receiving", "probing"),
    "probing": ("stored", "probing"),
    "ready": ("probing",),
    "rejected": ("probing", "ready"),
    "expired": ("stored", "probing", "ready", "rejected"),
    "deleted": ("receiving", "stored", "probing", "ready", "rejected", "expired"),
}
"""From which states each can be entered: from `probing` again where a lease has ended, and back to
`stored` where nothing was found out; one that is ready is rejected when its file is lost."""
KEPT: Final[tuple[State, ...]] = ("receiving", *TO_PROBE, "ready")
"""What counts against the quota of its owner."""
WITHOUT_FILE: Final[tuple[State, ...]] = ("rejected", "expired", "deleted")
PROBE_ATTEMPTS: Final = 3
EMPTYING: Final = timedelta(minutes=1)
"""How long the sweeper leaves the removal of files to whoever has begun it."""
NOBODY: Final = UUID(int=0)
"""Owns what its owner, who has been erased, has left behind until its file is gone."""


class VideoNotFound(NotFound):
    """There is no such video, or it is another user's."""

    code, title = "video_not_found", "There is no such video"


class VideoNotReady(Conflict):
    """The video is still being examined."""

    code, title = "video_not_ready", "The video is still being examined"


class VideoFileGone(Gone):
    """The video's file was rejected, or has passed its time, and was removed."""

    code, title = "video_file_gone", "The file of this video has been removed"


class Reason(msgspec.Struct, frozen=True):
    """Why a video was rejected: a stable code, and a sentence for people."""

    code: str
    text: str


class PosterNotFound(NotFound):
    """The video has no picture of its own: it is sound alone."""

    code, title = "poster_not_found", "This video has no poster"


class Poster(msgspec.Struct, frozen=True):
    """A JPEG file that has been stored: its size in bytes and its SHA-256."""

    size: int
    sha256: str


class MediaFacts(msgspec.Struct, frozen=True):
    """What examining a file found; width and height in square pixels, as it is shown, and frames a
    second."""

    duration_seconds: float
    width: int | None
    height: int | None
    video_codec: str | None
    audio_codec: str | None
    frame_rate: float | None = None

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track."""
        return self.audio_codec is not None


class Video(msgspec.Struct, frozen=True):
    """A video as its row holds it.

    `lease_until` is the moment from which other workers may take the row up; `revision` grows
    with each change of state, and tells a worker that lost its lease from the one that holds it.
    `plan` is that of the upload: a later change of its owner's plan does not reach it.
    """

    id: VideoId
    owner_id: UUID
    title: str
    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    state: State
    reason_code: str | None
    reason_text: str | None
    duration_seconds: float | None
    width: int | None
    height: int | None
    video_codec: str | None
    audio_codec: str | None
    attempts: int
    revision: int
    lease_until: datetime
    created_at: datetime
    expires_at: datetime
    plan: str
    frame_rate: float | None
    poster_bytes: int | None
    poster_sha256: str | None

    @property
    def bit_rate(self) -> int | None:
        """Bits a second of the whole file, once its duration is known."""
        return round(self.size_bytes * 8 / self.duration_seconds) if self.duration_seconds else None

    @property
    def poster(self) -> Poster | None:
        """Its picture, while it can be seen."""
        if self.state != "ready" or self.poster_bytes is None or self.poster_sha256 is None:
            return None
        return Poster(self.poster_bytes, self.poster_sha256)

    def require_poster(self) -> Poster:
        """Its picture; raises `VideoNotReady`, `VideoFileGone` or `PosterNotFound`."""
        self.require_file()
        if self.poster is None:
            raise PosterNotFound("There is no picture in it that could be shown.")
        return self.poster

    def require_file(self) -> None:
        """Raise `VideoNotReady` or `VideoFileGone` unless the file can be sent."""
        if self.state in TO_PROBE:
            raise VideoNotReady(f"The video is {self.state}; try again in a moment.")
        if self.state != "ready":
            raise VideoFileGone(self.reason_text or f"The video is {self.state}.")


def incoming_key(video_id: VideoId) -> str:
    """Where a file is while it arrives."""
    return f"incoming/{video_id}"


def poster_key(video_id: VideoId) -> str:
    """Where the picture of a video is."""
    return f"posters/{video_id}"


def permanent_key(video_id: VideoId) -> str:
    """Where a file is once it has arrived in full."""
    return f"videos/{video_id}"
