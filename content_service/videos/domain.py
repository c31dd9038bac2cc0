"""Videos and their life: `receiving → stored → probing → ready | rejected → expired`.

A deleted video stays as a tombstone until its file is gone; nobody sees it, or one still
receiving.
"""

from datetime import datetime
from typing import Final, Literal, NewType
from uuid import UUID

import msgspec

from shared.errors import Conflict, Gone, NotFound

VideoId = NewType("VideoId", UUID)
State = Literal["receiving", "stored", "probing", "ready", "rejected", "expired", "deleted"]
VisibleState = Literal["stored", "probing", "ready", "rejected", "expired"]

HIDDEN: Final[tuple[State, ...]] = ("receiving", "deleted")
TO_PROBE: Final[tuple[State, ...]] = ("stored", "probing")
WITHOUT_FILE: Final[tuple[State, ...]] = ("rejected", "expired", "deleted")
PROBE_ATTEMPTS: Final = 3
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


class MediaFacts(msgspec.Struct, frozen=True):
    """What examining a file found; width and height in pixels."""

    duration_seconds: float
    width: int | None
    height: int | None
    video_codec: str | None
    audio_codec: str | None

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track."""
        return self.audio_codec is not None


class Video(msgspec.Struct, frozen=True):
    """A video as its row holds it.

    `lease_until` is the moment from which other workers may take the row up; `revision` grows
    with each change of state, and tells a worker that lost its lease from the one that holds it.
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

    def require_file(self) -> None:
        """Raise `VideoNotReady` or `VideoFileGone` unless the file can be sent."""
        if self.state in TO_PROBE:
            raise VideoNotReady(f"The video is {self.state}; try again in a moment.")
        if self.state != "ready":
            raise VideoFileGone(self.reason_text or f"The video is {self.state}.")


def incoming_key(video_id: VideoId) -> str:
    """Where a file is while it arrives."""
    return f"incoming/{video_id}"


def permanent_key(video_id: VideoId) -> str:
    """Where a file is once it has arrived in full."""
    return f"videos/{video_id}"
