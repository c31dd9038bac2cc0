"""What this service tells the others. A public contract: fields are only ever added."""

from uuid import UUID

from shared.messaging.event import IntegrationEvent


class JobEvent(IntegrationEvent, frozen=True):
    """What every event about a job says; `revision` orders them."""

    # nobody must hear of a job for it to run: the row is the truth, events are news
    MUST_BE_HEARD = False

    job_id: UUID
    owner_id: UUID
    job_type: str
    video_id: UUID | None
    revision: int

    @property
    def subject(self) -> str:
        """The job's id."""
        return str(self.job_id)


class JobQueued(JobEvent, frozen=True):
    """A job waits for a worker."""

    TYPE = "jobs.job.queued"


class JobStarted(JobEvent, frozen=True):
    """A worker has taken the job up."""

    TYPE = "jobs.job.started"
    attempt: int


class JobSucceeded(JobEvent, frozen=True):
    """The job's result can be read."""

    TYPE = "jobs.job.succeeded"


class JobFailed(JobEvent, frozen=True):
    """The job ended without a result; its credits have been given back."""

    TYPE = "jobs.job.failed"
    error_code: str


class JobCancelled(JobEvent, frozen=True):
    """The job was cancelled; its credits have been given back."""

    TYPE = "jobs.job.cancelled"


class JobProgressed(JobEvent, frozen=True):
    """How far a running job is, from 0 to 1; `revision` is that of its start. It may be lost."""

    TYPE = "jobs.job.progressed"
    progress: float


class PartsWaiting(IntegrationEvent, frozen=True):
    """Idle workers may take up parts of this job. It may be lost."""

    TYPE = "jobs.parts.waiting"
    MUST_BE_HEARD = False

    job_id: UUID

    @property
    def subject(self) -> str:
        """The job's id."""
        return str(self.job_id)


class PartSettled(IntegrationEvent, frozen=True):
    """A worker has done a part of this job, or given it back. It may be lost."""

    TYPE = "jobs.part.settled"
    MUST_BE_HEARD = False

    job_id: UUID
    number: int

    @property
    def subject(self) -> str:
        """The job's id."""
        return str(self.job_id)
