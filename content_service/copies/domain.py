"""Copies of videos that jobs make: one for each job, however often the job is tried.

wanted ──▶ made        the job's video is there, and stays
   └─────▶ unwanted    the job has failed or was cancelled: its video goes, or never comes
"""

from uuid import UUID

import msgspec

from content_service.videos.domain import VideoId
from shared.errors import Conflict, Malformed


class CopyUnwanted(Conflict):
    """The job that makes the copy has ended without it."""

    code, title = "copy_unwanted", "Nobody wants this copy any more"


class CopyCutOff(Malformed):
    """Fewer bytes have arrived than were announced, or more."""

    code, title = "copy_cut_off", "The file is not as long as it was said to be"


class Copy(msgspec.Struct, frozen=True):
    """What has become of the copy of a job."""

    job_id: UUID
    video_id: VideoId | None
    unwanted: bool

    def require_wanted(self) -> None:
        """Raise `CopyUnwanted` when its job has ended."""
        if self.unwanted:
            raise CopyUnwanted("The job has failed or was cancelled.")
