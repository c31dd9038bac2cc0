"""Finding and cancelling jobs, and what becomes of them with their owners."""

from dataclasses import dataclass
from uuid import UUID

import msgspec

from jobs_service.credits.use_cases import (
    disown_credits,
    release_hold,
    transfer_credits,
)
from jobs_service.events import JobCancelled
from jobs_service.idempotency.repository import IdempotencyKeys
from jobs_service.jobs.domain import (
    Job,
    JobAnswers,
    JobFinished,
    JobNotFound,
    JobStatus,
)
from jobs_service.jobs.repository import UNDER_WAY, Jobs
from shared.db.database import Database, Transaction
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class FindJob:
    """One job of its owner."""

    database: Database

    async def __call__(self, owner: UserId, job_id: UUID) -> Job:
        """Raises JobNotFound."""
        job = await Jobs(self.database).find(owner, job_id)
        if job is None:
            raise JobNotFound(f"No job of yours has the id {job_id}.")
        return job


@dataclass(frozen=True, slots=True)
class CancelJob:
    """End a job that is under way and give its credits back."""

    database: Database

    async def __call__(self, owner: UserId, job_id: UUID) -> Job:
        """The cancelled job, also when it was cancelled before.

        Raises JobNotFound, JobFinished, and JobAnswers.
        """
        async with self.database.transaction() as tx:
            job = await Jobs(tx).cancel(owner, job_id)
            if job is not None:
                await _refund(tx, job, "job cancelled")
                return job
        job = await FindJob(self.database)(owner, job_id)
        if job.status in UNDER_WAY:
            raise JobAnswers("Close the connection that waits for it.")
        if job.status is not JobStatus.CANCELLED:
            raise JobFinished(f"The job has already {job.status}; only its result can be read.")
        return job


@dataclass(frozen=True, slots=True)
class CancelJobsOfVideo:
    """End every job on a video that is no more, and give the credits back."""

    async def __call__(self, tx: Transaction, video_id: UUID) -> None:
        """Cancel within `tx`."""
        for job in await Jobs(tx).cancel_of_video(video_id):
            await _refund(tx, job, "video removed")


@dataclass(frozen=True, slots=True)
class AdoptJobs:
    """Give a guest's jobs and credits to the user that they turned out to be.

    Jobs under way go on. Where both have the same one, the guest's is cancelled.
    """

    async def __call__(self, tx: Transaction, guest: UserId, user: UserId) -> int:
        """Move within `tx`; how many jobs."""
        jobs = Jobs(tx)
        await jobs.lock_all_of(guest)  # before any account, as everybody does
        same = await jobs.cancel_same(guest, user)
        await IdempotencyKeys(tx).move(guest, user)
        moved = await jobs.move(guest, user)
        await transfer_credits(tx, guest, user)
        for job in same:
            await _refund(tx, msgspec.structs.replace(job, owner_id=user), "job cancelled")
        await jobs.lock_lanes([guest, user])
        return moved


class EraseJobs:
    """Cancel and delete all jobs of somebody who is no more, and let `nobody` own their credits.

    Movements of credits are accounts: they stay, under an id that is nobody's, so that all sums
    stay right.
    """

    async def __call__(self, tx: Transaction, owner: UserId, nobody: UserId) -> None:
        """Within `tx`; workers stop as soon as it has committed."""
        jobs = Jobs(tx)
        await jobs.lock_all_of(owner)  # before any account, as everybody does
        for job in await jobs.cancel_of_owner(owner):
            await _refund(tx, job, "account erased")
        await disown_credits(tx, owner, nobody)
        await IdempotencyKeys(tx).forget_of(owner)
        await jobs.delete_of_owner(owner)


async def _refund(tx: Transaction, job: Job, reason: str) -> None:
    await release_hold(tx, job.id, reason)
    tx.announce(JobCancelled(**job.facts()))
