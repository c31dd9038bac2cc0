"""HTTP: submit, read, list and cancel jobs."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec

from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.jobs.domain import JobFinished, JobNotFound, KeyReused, RequestInProgress
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.schemas import (
    EXAMPLE_CANCELLED_JOB,
    EXAMPLE_FINISHED_JOB,
    EXAMPLE_JOB,
    EXAMPLE_REQUEST,
    JobRequest,
    JobsQuery,
    JobView,
)
from jobs_service.jobs.use_cases import CancelJob, FindJob, SubmitJob
from jobs_service.videos.domain import VideoHasNoSound, VideoNotFound
from shared.db.aliases import OwnerErased
from shared.db.database import Database
from shared.http.endpoint import Header, endpoint
from shared.http.paging import Cursors, Page
from shared.security.principal import Principal

IdempotencyKey = Annotated[
    str | None,
    Header(
        "Idempotency-Key",
        "Chosen by the client, at most 200 characters. The same key with the same request is "
        "answered as the first time for 24 hours, and charged once.",
    ),
    msgspec.Meta(min_length=1, max_length=200),
]


@dataclass(frozen=True, slots=True)
class JobEndpoints:
    """The caller's jobs."""

    database: Database
    cursors: Cursors
    submit: SubmitJob
    find: FindJob
    cancel_job: CancelJob

    @endpoint(
        "POST",
        "/api/jobs",
        status=202,
        summary="Submit a job",
        description="Holds the price of the job. The same job while one is under way is that job.",
        tag="jobs",
        body_example=EXAMPLE_REQUEST,
        example=EXAMPLE_JOB,
        errors=(
            NotEnoughCredits,
            VideoNotFound,
            VideoHasNoSound,
            KeyReused,
            RequestInProgress,
            OwnerErased,
        ),
        scope="jobs:write",
    )
    async def create(
        self, body: JobRequest, caller: Principal, idempotency_key: IdempotencyKey
    ) -> JobView:
        """Queue the job."""
        return JobView.of(await self.submit(caller.id, body.to_domain(), idempotency_key))

    @endpoint(
        "GET",
        "/api/jobs",
        summary="The caller's jobs, newest first",
        tag="jobs",
        example=Page([EXAMPLE_JOB], next_cursor=None),
        scope="jobs:read",
    )
    async def list_jobs(self, query: JobsQuery, caller: Principal) -> Page[JobView]:
        """A page of jobs."""
        after = self.cursors.decode(query.cursor, tuple[UUID])[0] if query.cursor else None
        jobs = Jobs(self.database)
        found = await jobs.list_of(caller.id, query.limit + 1, after, query.status)
        return self.cursors.page(
            [JobView.of(job) for job in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "GET",
        "/api/jobs/{job_id}",
        summary="One job",
        tag="jobs",
        example=EXAMPLE_FINISHED_JOB,
        errors=(JobNotFound,),
        scope="jobs:read",
    )
    async def read(self, job_id: UUID, caller: Principal) -> JobView:
        """The job as it stands."""
        return JobView.of(await self.find(caller.id, job_id))

    @endpoint(
        "POST",
        "/api/jobs/{job_id}/cancel",
        summary="Cancel a job and give its credits back",
        tag="jobs",
        example=EXAMPLE_CANCELLED_JOB,
        errors=(JobNotFound, JobFinished),
        scope="jobs:write",
    )
    async def cancel(self, job_id: UUID, caller: Principal) -> JobView:
        """Stop the job, also when it runs."""
        return JobView.of(await self.cancel_job(caller.id, job_id))
