"""Jobs: the states they go through, and what may happen in each.

    queued ──▶ running ──▶ succeeded      hold ──▶ captured
       │          ├──────▶ failed           └────▶ released
       └──────────┴──────▶ cancelled

The row is the truth; messages only wake workers up. A claim gives its worker a lease and a
fencing token (`fence`): only the holder of the current token may write progress or a result.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from shared.errors import Conflict, NotFound
from shared.security.principal import UserId


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobNotFound(NotFound):
    """The job does not exist, or belongs to somebody else."""

    code, title = "job_not_found", "There is no such job"


class JobFinished(Conflict):
    """The job has already ended."""

    code, title = "job_finished", "The job has already ended"


class JobAnswers(Conflict):
    """Whoever asked for the job waits for its result, and ends it by leaving."""

    code, title = "job_answers", "The job answers a request at this moment"


class JobNotFailed(Conflict):
    """Only what has failed, or was cancelled, can be tried again."""

    code, title = "job_not_failed", "The job has not failed"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its row stands, or will.

    `request` and `result` are JSON, `spent` is what it cost in the end.
    Without `attempts_allowed` it may be tried as often as all are.
    """

    id: UUID
    owner_id: UserId
    type: str
    video_id: UUID | None = None
    language: str | None = None
    request: str
    status: JobStatus = JobStatus.QUEUED
    price: int
    spent: int | None = None
    progress: float = 0.0
    attempt: int = 0
    attempts_allowed: int | None = None
    fence: int = 0
    priority: int = 0
    run_after: datetime
    retry_of: UUID | None = None
    result: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    revision: int = 1

    def facts(self) -> dict[str, Any]:
        """What every event about this job says."""
        return {
            "job_id": self.id,
            "owner_id": self.owner_id,
            "job_type": self.type,
            "video_id": self.video_id,
            "revision": self.revision,
        }
