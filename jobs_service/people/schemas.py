"""What other services are told of a person."""

from uuid import UUID

import msgspec

from jobs_service.captions.track import Track
from jobs_service.jobs.schemas import EXAMPLE_FINISHED_JOB


class TrackOf(msgspec.Struct, frozen=True):
    """The result of a job."""

    job_id: UUID
    track: Track


class KnownOf(msgspec.Struct, frozen=True):
    """One thing that is known of a person; those of a kind follow each other."""

    kind: str
    record: msgspec.Struct


EXAMPLE_LINE = KnownOf("jobs", EXAMPLE_FINISHED_JOB)
