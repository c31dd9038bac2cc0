"""Wire types of captions that are burned in."""

from uuid import UUID

import msgspec

from jobs_service.jobs.kinds import JobOptions
from jobs_service.tracks.choosing import JobId, Number, TrackId


class BurnInRequest(
    JobOptions, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="burn_in"
):
    """A copy of a video of the caller's with the captions of a track in its picture."""

    track_id: TrackId = None
    job_id: JobId = None
    version: Number = None


class BurnInResult(msgspec.Struct, frozen=True):
    """The new video, what it was made of, and signs such as emoji that no font has, and that are
    not in the picture."""

    video_id: UUID
    source_video_id: UUID
    track_id: UUID
    version: int
    left_out: tuple[str, ...]


EXAMPLE_BURN_IN = BurnInRequest(track_id=UUID("0199c0de-3333-7aaa-8bbb-222233334444"))
