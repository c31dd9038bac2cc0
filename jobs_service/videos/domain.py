"""What jobs needs to know of a video: its own, tolerant copy of content's news."""

from uuid import UUID

import msgspec

from shared.errors import Invalid, NotFound
from shared.security.principal import UserId


class VideoNotFound(NotFound):
    """The video does not exist, is not ready, or belongs to somebody else."""

    code, title = "video_not_found", "There is no such video"


class VideoHasNoSound(Invalid):
    """A video without sound cannot be captioned."""

    code, title = "video_has_no_sound", "The video has no sound"


class VideoHasNoPicture(Invalid):
    """Nothing can be drawn on a recording that is sound alone."""

    code, title = "video_has_no_picture", "The video has no picture"


class KnownVideo(msgspec.Struct, frozen=True):
    """A video that may be worked on; `revision` orders the news about it."""

    id: UUID
    owner_id: UserId
    duration_seconds: float
    has_audio: bool
    available: bool
    revision: int
    has_picture: bool = True
