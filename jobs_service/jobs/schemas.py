"""Wire types of the jobs endpoints."""

from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import msgspec

from jobs_service.captions.schemas import EXAMPLE_CAPTIONS
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.requests import JobType
from jobs_service.jobs.waiting import Wait
from shared.http.paging import PageQuery


class JobsQuery(PageQuery, frozen=True):
    """A page of jobs, of all or of some."""

    status: JobStatus | None = None
    type: JobType | None = None
    video_id: UUID | None = None

    def which(self) -> dict[str, Any]:
        """What the jobs that are asked for have in common, by column."""
        asked = {"status": self.status, "type": self.type, "video_id": self.video_id}
        return {name: value for name, value in asked.items() if value is not None}


class JobError(msgspec.Struct, frozen=True):
    """Why a job failed."""

    code: str
    detail: str


class JobView(msgspec.Struct, frozen=True):
    """A job as its owner sees it; `progress` goes from 0 to 1, `credits` is its price, `spent` what
    it cost in the end.

    `request` is what was asked for, `result` what came of it, both as the type of job has them.
    `position` (from 1; users take turns) and `estimated_start` are told of a job that waits, where
    it is asked for alone. `revision` grows with each change of its status, as in the events.
    """

    id: UUID
    type: str
    video_id: UUID | None
    language: str | None
    status: JobStatus
    progress: float
    credits: int
    attempt: int
    created_at: datetime
    revision: int
    request: dict[str, Any]
    priority: int = 0
    run_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: JobError | None = None
    result: dict[str, Any] | None = None
    spent: int | None = None
    retry_of: UUID | None = None
    position: int | None = None
    estimated_start: datetime | None = None

    @classmethod
    def of(cls, job: Job, wait: Wait | None = None) -> Self:
        """The view of `job`, which may `wait`."""
        error = JobError(job.error_code, job.error_detail or "") if job.error_code else None
        return cls(
            id=job.id,
            type=job.type,
            video_id=job.video_id,
            language=job.language,
            status=job.status,
            progress=job.progress,
            credits=job.price,
            attempt=job.attempt,
            created_at=job.created_at,
            revision=job.revision,
            request=msgspec.json.decode(job.request),
            priority=job.priority,
            run_at=job.run_after if job.run_after > job.created_at else None,
            started_at=job.started_at,
            finished_at=job.finished_at,
            error=error,
            result=None if job.result is None else msgspec.json.decode(job.result),
            spent=job.spent,
            retry_of=job.retry_of,
            position=wait.position if wait else None,
            estimated_start=wait.estimated_start if wait else None,
        )


EXAMPLE_JOB = JobView(
    id=UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5b"),
    type="captions",
    video_id=EXAMPLE_CAPTIONS.video_id,
    language="en",
    request=msgspec.to_builtins(EXAMPLE_CAPTIONS),
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
    revision=2,
    finished_at=datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC),
)
EXAMPLE_FINISHED_JOB = msgspec.structs.replace(
    EXAMPLE_JOB,
    status=JobStatus.SUCCEEDED,
    progress=1.0,
    spent=3,
    attempt=1,
    revision=3,
    result={"track_id": "0199c0de-a1b2-7c3d-8e4f-5a6b7c8d9e0f"},
    started_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
    finished_at=datetime(2026, 1, 2, 3, 4, 17, tzinfo=UTC),
)
