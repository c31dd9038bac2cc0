"""Wire types of the jobs endpoints."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec

from jobs_service.jobs.domain import Job, JobStatus, NewJob
from shared.http.paging import PageQuery


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to run on a video of the caller's."""

    type: Literal["captions"]
    video_id: UUID
    language: Annotated[
        Literal["en"], msgspec.Meta(description="The language that is spoken in the video.")
    ] = "en"

    def to_domain(self) -> NewJob:
        """The request without its wire form."""
        return NewJob(self.type, self.video_id, self.language)


class JobsQuery(PageQuery, frozen=True):
    """A page of jobs, or of those in one state."""

    status: JobStatus | None = None


class JobError(msgspec.Struct, frozen=True):
    """Why a job failed."""

    code: str
    detail: str


class JobView(msgspec.Struct, frozen=True):
    """A job as its owner sees it; `progress` goes from 0 to 1, `credits` is its price.

    `revision` grows with each change of its status, as in the events about it.
    """

    id: UUID
    type: Literal["captions"]
    video_id: UUID
    language: str
    status: JobStatus
    progress: float
    credits: int
    attempt: int
    created_at: datetime
    revision: int
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: JobError | None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The view of `job`."""
        error = JobError(job.error_code, job.error_detail or "") if job.error_code else None
        return cls(
            id=job.id,
            type="captions",
            video_id=job.video_id,
            language=job.language,
            status=job.status,
            progress=job.progress,
            credits=job.price,
            attempt=job.attempt,
            created_at=job.created_at,
            revision=job.revision,
            started_at=job.started_at,
            finished_at=job.finished_at,
            error=error,
        )


EXAMPLE_REQUEST = JobRequest(
    type="captions", video_id=UUID("0199c0de-1111-7aaa-8bbb-222233334444"), language="en"
)
EXAMPLE_JOB = JobView(
    id=UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5b"),
    type="captions",
    video_id=UUID("0199c0de-1111-7aaa-8bbb-222233334444"),
    language="en",
    status=JobStatus.QUEUED,
    progress=0.0,
    credits=3,
    attempt=0,
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    revision=1,
)
EXAMPLE_CANCELLED_JOB = msgspec.structs.replace(
    EXAMPLE_JOB,
    status=JobStatus.CANCELLED,
    finished_at=datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC),
)
EXAMPLE_FINISHED_JOB = msgspec.structs.replace(
    EXAMPLE_JOB,
    status=JobStatus.SUCCEEDED,
    progress=1.0,
    attempt=1,
    started_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
    finished_at=datetime(2026, 1, 2, 3, 4, 17, tzinfo=UTC),
)
