"""Wire types of captions."""

from typing import Annotated
from uuid import UUID

import msgspec

from jobs_service.captions.rules import Audience
from jobs_service.jobs.kinds import JobOptions
from jobs_service.recognition.offers import ProviderName


class CaptionsRequest(
    JobOptions, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="captions"
):
    """Captions for a video of the caller's."""

    video_id: UUID
    language: Annotated[
        str,
        msgspec.Meta(
            min_length=2,
            max_length=35,
            description="The language that is spoken in the video, as a tag (BCP 47: `en`, "
            "`en-GB`, `ko`), or `auto` where a provider can find it out.",
        ),
    ] = "en"
    provider: Annotated[
        ProviderName | None,
        msgspec.Meta(
            description="Who recognises the speech; by default the first provider of this "
            "installation that knows the language."
        ),
    ] = None
    audience: Annotated[
        Audience,
        msgspec.Meta(
            description="For whom the captions are: it sets how fast they may be read, and, with "
            "`sdh` (for those who cannot hear), whether sounds may be described. None are "
            "recognised; they are for people to add."
        ),
    ] = "adult"


EXAMPLE_CAPTIONS = CaptionsRequest(
    video_id=UUID("0199c0de-1111-7aaa-8bbb-222233334444"), language="en"
)
