"""What other services are told of a person."""

from uuid import UUID

import msgspec

from jobs_service.captions.domain import Word
from jobs_service.jobs.schemas import EXAMPLE_FINISHED_JOB
from jobs_service.tracks.schemas import TrackWithCues, VersionWithCues


class TrackOf(msgspec.Struct, frozen=True):
    """A caption track as it is now, and the words that were recognised for it."""

    track: TrackWithCues
    words: tuple[Word, ...]


class VersionOf(msgspec.Struct, frozen=True):
    """What a track said before."""

    track_id: UUID
    version: VersionWithCues


class KnownOf(msgspec.Struct, frozen=True):
    """One thing that is known of a person; those of a kind follow each other."""

    kind: str
    record: msgspec.Struct


EXAMPLE_LINE = KnownOf("jobs", EXAMPLE_FINISHED_JOB)
