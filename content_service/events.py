"""What content tells the other services. Fields are only ever added."""

from datetime import datetime
from uuid import UUID

from shared.messaging.event import IntegrationEvent


class VideoReady(IntegrationEvent, frozen=True):
    """A video has been examined and may be worked on until `expires_at`."""

    TYPE = "content.video.ready"

    video_id: UUID
    owner_id: UUID
    duration_seconds: float
    has_audio: bool
    expires_at: datetime
    revision: int
    has_picture: bool = True

    @property
    def subject(self) -> str:
        """The video's id."""
        return str(self.video_id)


class VideoGone(IntegrationEvent, frozen=True):
    """What every event about the end of a video says."""

    video_id: UUID
    owner_id: UUID
    revision: int

    @property
    def subject(self) -> str:
        """The video's id."""
        return str(self.video_id)


class VideoDeleted(VideoGone, frozen=True):
    """A user has deleted a video, in whatever state it was."""

    TYPE = "content.video.deleted"


class VideoExpired(VideoGone, frozen=True):
    """A video has been kept for as long as videos are."""

    TYPE = "content.video.expired"


class VideoLost(VideoGone, frozen=True):
    """The file of a video is no longer in the storage; the video has been rejected."""

    TYPE = "content.video.lost"
