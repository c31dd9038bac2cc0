"""Wire types of translations."""

from typing import Annotated
from uuid import UUID

import msgspec

from jobs_service.generation.schemas import ProviderName
from jobs_service.jobs.kinds import JobOptions
from jobs_service.tracks.choosing import JobId, Number, TrackId


class TranslationRequest(
    JobOptions, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="translation"
):
    """Captions of the caller's in another language: a new track with the same times."""

    language: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
            max_length=35,
            description="Into which language: a tag (BCP 47), such as `ko` or `pt-BR`.",
        ),
    ]
    track_id: TrackId = None
    job_id: JobId = None
    version: Number = None
    provider: Annotated[
        ProviderName | None,
        msgspec.Meta(
            description="Who translates; by default the text provider of this installation. The "
            "offline one cannot."
        ),
    ] = None


class TranslationResult(msgspec.Struct, frozen=True):
    """The track that was made of a version of another, and who made it; `translated` cues of its
    `cues` have words in them, the others are as they were."""

    track_id: UUID
    source_id: UUID
    source_version: int
    language: str
    cues: int
    translated: int
    provider: str
    model: str


EXAMPLE_TRANSLATION = TranslationRequest(
    track_id=UUID("0199c0de-3333-7aaa-8bbb-222233334444"), language="ko"
)
