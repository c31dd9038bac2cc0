"""Wire types of captions."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from jobs_service.jobs.kinds import JobOptions


class CaptionsRequest(
    JobOptions, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="captions"
):
    """Captions for a video of the caller's."""

    video_id: UUID
    language: Annotated[
        Literal["en"], msgspec.Meta(description="The language that is spoken in the video.")
    ] = "en"


EXAMPLE_CAPTIONS = CaptionsRequest(
    video_id=UUID("0199c0de-1111-7aaa-8bbb-222233334444"), language="en"
)
