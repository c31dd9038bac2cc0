"""HTTP: submit, read, list and cancel jobs."""

from dataclasses import dataclass
from uuid import UUID

from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.header import IdempotencyKey
from jobs_service.jobs.domain import JobAnswers, JobFinished, JobNotFailed, JobNotFound
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.requests import EXAMPLES, REFUSALS, JobRequest
from jobs_service.jobs.schemas import (
    EXAMPLE_CANCELLED_JOB,
    EXAMPLE_FINISHED_JOB,
    EXAMPLE_JOB,
    JobsQuery,
    JobView,
)
from jobs_service.jobs.submit import RetryJob, SubmitJob
from jobs_service.jobs.use_cases import CancelJob, FindJob
from jobs_service.jobs.waiting import EstimateWait
from shared.db.aliases import OwnerErased
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page
from shared.security.principal import Principal

_SUBMITTING = (
    NotEnoughCredits,
    *REFUSALS,
    KeyReused,
    RequestInProgress,
    OwnerErased,
)


@dataclass(frozen=True, slots=True)
class JobEndpoints:
    """The caller's jobs."""

    database: Database
    cursors: Cursors
    submit: SubmitJob
    find: FindJob
    cancel_job: CancelJob
    retry_job: RetryJob
    estimate_wait: EstimateWait

    @endpoint(
        "POST",
        "/api/jobs",
        status=202,
        summary="Submit a job",
        description="Holds the price of the job. The same job while one is under way is that job.",
        tag="jobs",
        body_examples=EXAMPLES,
        example=EXAMPLE_JOB,
        errors=_SUBMITTING,
        scope="jobs:write",
    )
    async def create(
        self, body: JobRequest, caller: Principal, idempotency_key: IdempotencyKey
    ) -> JobView:
        """Queue the job."""
        return JobView.of(await self.submit(caller.id, body, idempotency_key))

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
        after = self.cursors.after_id(query)
        jobs = Jobs(self.database)
        found = await jobs.list_of(caller.id, query.limit + 1, after, query.which())
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
        job = await self.find(caller.id, job_id)
        return JobView.of(job, await self.estimate_wait(job))

    @endpoint(
        "POST",
        "/api/jobs/{job_id}/cancel",
        summary="Cancel a job and give its credits back",
        tag="jobs",
        example=EXAMPLE_CANCELLED_JOB,
        errors=(JobNotFound, JobFinished, JobAnswers),
        scope="jobs:write",
    )
    async def cancel(self, job_id: UUID, caller: Principal) -> JobView:
        """Stop the job, also when it runs."""
        return JobView.of(await self.cancel_job(caller.id, job_id))

    @endpoint(
        "POST",
        "/api/jobs/{job_id}/retry",
        status=202,
        summary="Submit a job that has failed, or was cancelled, once more",
        description="A new job that asks for the same, at today's price; `retry_of` names the old.",
        tag="jobs",
        example=EXAMPLE_JOB,
        errors=(JobNotFailed, *_SUBMITTING),
        scope="jobs:write",
    )
    async def retry(
        self, job_id: UUID, caller: Principal, idempotency_key: IdempotencyKey
    ) -> JobView:
        """Queue it again."""
        return JobView.of(await self.retry_job(caller.id, job_id, idempotency_key))
