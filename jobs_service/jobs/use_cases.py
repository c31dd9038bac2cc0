"""Submitting and cancelling jobs: each in one transaction, its credits included."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

import msgspec

from jobs_service.credits.domain import Hold, price_of
from jobs_service.credits.use_cases import (
    disown_credits,
    hold_credits,
    release_hold,
    transfer_credits,
)
from jobs_service.events import JobCancelled, JobQueued
from jobs_service.jobs.domain import (
    Job,
    JobFinished,
    JobNotFound,
    JobStatus,
    KeyReused,
    NewJob,
    RequestInProgress,
)
from jobs_service.jobs.repository import Jobs
from jobs_service.videos.use_cases import FindVideo
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class SubmitJob:
    """Queue a job and hold its price.

    The idempotency key, the price, the hold, the job and the outbox row are one transaction. The
    same job while one is under way is that job: nobody pays twice for it.
    """

    database: Database
    find_video: FindVideo
    clock: Clock

    async def __call__(self, owner: UserId, new: NewJob, key: str | None) -> Job:
        """The queued job, or the one that this key, or an equal request, already made.

        Raises VideoNotFound, VideoHasNoSound, NotEnoughCredits, KeyReused, RequestInProgress.
        """
        request_hash = hashlib.sha256(msgspec.json.encode(new)).digest()
        if key is not None and (known := await _answer_of(self.database, owner, key, request_hash)):
            return known
        video = await self.find_video(owner, new.video_id)
        async with self.database.transaction() as tx:
            owner = await Aliases(tx).owner(owner)
            if key is not None:
                if not await Jobs(tx).lock_key(owner, key):
                    raise RequestInProgress("Wait for the first request's answer, then ask again.")
                if known := await _answer_of(tx, owner, key, request_hash):
                    return known
            job = await self._queue(tx, owner, new, price_of(new.type, video.duration_seconds))
            if key is not None:
                answer = msgspec.json.encode(job)
                await Jobs(tx).remember_answer(owner, key, request_hash, job.id, answer)
        return job

    async def _queue(self, tx: Transaction, owner: UserId, new: NewJob, price: int) -> Job:
        jobs = Jobs(tx)
        job = await jobs.add(uuid7(), owner, new.type, new.video_id, new.language, price)
        if job is None:
            same = await jobs.same_under_way(owner, new.type, new.video_id, new.language)
            if same is None:  # it ended between the two statements: the client may ask again
                raise RequestInProgress("The same job has just ended; ask again.")
            return same
        await hold_credits(tx, Hold(job.id, owner, price), self.clock)
        tx.announce(JobQueued(**job.facts()))
        return job


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
        """The cancelled job, also when it was cancelled before; raises JobNotFound, JobFinished."""
        async with self.database.transaction() as tx:
            job = await Jobs(tx).cancel(owner, job_id)
            if job is not None:
                await _refund(tx, job, "job cancelled")
                return job
        job = await FindJob(self.database)(owner, job_id)
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
        moved = await jobs.move(guest, user)
        await transfer_credits(tx, guest, user)
        for job in same:
            await _refund(tx, msgspec.structs.replace(job, owner_id=user), "job cancelled")
        return moved


class EraseJobs:
    """Cancel and delete all jobs of somebody who is no more, and let nobody own their credits.

    Movements of credits are accounts: they stay, under an id that is nobody's, so that all sums
    stay right.
    """

    async def __call__(self, tx: Transaction, owner: UserId) -> None:
        """Within `tx`; workers stop as soon as it has committed."""
        jobs = Jobs(tx)
        await jobs.lock_all_of(owner)  # before any account, as everybody does
        for job in await jobs.cancel_of_owner(owner):
            await _refund(tx, job, "account erased")
        await disown_credits(tx, owner)
        await jobs.delete_of_owner(owner)


async def _refund(tx: Transaction, job: Job, reason: str) -> None:
    await release_hold(tx, job.id, reason)
    tx.announce(JobCancelled(**job.facts()))


async def _answer_of(
    executor: Executor, owner: UserId, key: str, request_hash: bytes
) -> Job | None:
    known = await Jobs(executor).answered(owner, key)
    if known is None:
        return None
    if known[0] != request_hash:
        raise KeyReused("Send a new Idempotency-Key with a new request.")
    return msgspec.json.decode(known[1], type=Job)
