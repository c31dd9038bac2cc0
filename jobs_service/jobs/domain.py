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

from shared.errors import Conflict, Invalid, NotFound
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


class RequestInProgress(Conflict):
    """The same Idempotency-Key is being worked on at this moment."""

    code, title = "request_in_progress", "A request with this Idempotency-Key is under way"


class KeyReused(Invalid):
    """An Idempotency-Key came back with a different request."""

    code, title = "idempotency_key_reused", "This Idempotency-Key belongs to a different request"


class NewJob(msgspec.Struct, frozen=True):
    """What a caller asks for."""

    type: str
    video_id: UUID
    language: str


class Job(msgspec.Struct, frozen=True):
    """A job as its row stands."""

    id: UUID
    owner_id: UserId
    type: str
    video_id: UUID
    language: str
    status: JobStatus
    price: int
    progress: float
    attempt: int
    fence: int
    error_code: str | None
    error_detail: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    revision: int

    def facts(self) -> dict[str, Any]:
        """What every event about this job says."""
        return {
            "job_id": self.id,
            "owner_id": self.owner_id,
            "job_type": self.type,
            "video_id": self.video_id,
            "revision": self.revision,
        }
