"""Submitting jobs: each with the credits that it holds, or not at all."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from jobs_service.credits.domain import Hold
from jobs_service.credits.opening import with_account
from jobs_service.credits.use_cases import HOLD_LIFETIME, hold_credits
from jobs_service.events import JobQueued
from jobs_service.idempotency.domain import RequestInProgress
from jobs_service.idempotency.use_cases import Once
from jobs_service.jobs.at_once import AtOnce
from jobs_service.jobs.domain import Job, JobNotFailed, JobStatus
from jobs_service.jobs.kinds import JobOptions, Kinds, Order, name_of
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import FindJob
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.security.principal import UserId

LATEST_START = timedelta(days=30)
_AGAIN = (JobStatus.FAILED, JobStatus.CANCELLED)


class SubmitJob:
    """Queue a job and hold its price.

    The idempotency key, the price, the hold, the job and the outbox row are one transaction. The
    same job while one is under way is that job: nobody pays twice for it.
    """

    def __init__(self, database: Database, kinds: Kinds, clock: Clock) -> None:
        self.kinds = kinds
        self._database = database
        self._clock = clock
        self._at_once = AtOnce(database)

    async def __call__(
        self, owner: UserId, request: JobOptions, key: str | None, retry_of: UUID | None = None
    ) -> Job:
        """The queued job, or the one that this key, or an equal request, already made.

        Raises NotEnoughCredits, KeyReused, RequestInProgress, Invalid, and what speaks against a
        job of its kind.
        """
        once = Once(owner, key, request, Job)
        if known := await once.answered(self._database.hot):
            return known
        self._require_near(request)
        order = await self.kinds[type(request)].order(owner, request)
        job = self._new(owner, request, order, retry_of)
        return await with_account(self._database, owner, lambda: self._submit(job, order, once))

    async def _submit(self, job: Job, order: Order, once: Once[Job]) -> Job:
        kept = once.kept(job)
        if order.price and await self._at_once.submit(job, order.same_as, HOLD_LIFETIME, kept):
            return job
        async with self._database.transaction() as tx:
            owner = await Aliases(tx).owner(job.owner_id)
            once = dataclasses.replace(once, owner=owner)
            if known := await once.begin(tx):
                return known
            job = await self._queue(tx, msgspec.structs.replace(job, owner_id=owner), order)
            await once.end(tx, job)
        return job

    def _require_near(self, request: JobOptions) -> None:
        latest = self._clock.now() + LATEST_START
        if request.run_at is not None and request.run_at > latest:
            fault = f"must be within {LATEST_START.days} days; it is {request.run_at.isoformat()}"
            raise Invalid(errors=(FieldError("run_at", fault),))

    def _new(self, owner: UserId, request: JobOptions, order: Order, retry_of: UUID | None) -> Job:
        now = self._clock.now()
        return Job(
            id=uuid7(),
            owner_id=owner,
            type=name_of(request),
            video_id=order.video_id,
            language=order.language,
            request=msgspec.json.encode(request).decode(),
            price=order.price,
            priority=request.priority,
            run_after=max(now, request.run_at or now),
            retry_of=retry_of,
            created_at=now,
        )

    async def _queue(self, tx: Transaction, new: Job, order: Order) -> Job:
        jobs = Jobs(tx)
        due = new.run_after <= new.created_at
        fields = {**msgspec.structs.asdict(new), "same_as": order.same_as, "due": due}
        job = await jobs.add(fields)
        if job is None:
            # it was added a moment ago, and the connection lost before we heard of it; or the same
            same = await jobs.find(new.owner_id, new.id) or await jobs.same_under_way(
                new.owner_id, new.type, order.same_as or ""
            )
            if same is None:  # it ended between the two statements: the client may ask again
                raise RequestInProgress("The same job has just ended; ask again.")
            return same
        if order.price:
            await hold_credits(tx, Hold(job.id, job.owner_id, order.price), job.run_after)
        tx.announce(JobQueued(**job.facts()))
        return job


@dataclass(frozen=True, slots=True)
class RetryJob:
    """Submit a job that has failed, or was cancelled, once more: a new job at today's price."""

    find: FindJob
    submit: SubmitJob

    async def __call__(self, owner: UserId, job_id: UUID, key: str | None) -> Job:
        """The new job; raises JobNotFound, JobNotFailed, and what submitting raises."""
        job = await self.find(owner, job_id)
        if job.status not in _AGAIN:
            raise JobNotFailed(
                f"The job is {job.status}; "
                "only one that failed or was cancelled can be tried again."
            )
        asked = next(one for one in self.submit.kinds if name_of(one) == job.type)
        request = msgspec.json.decode(job.request, type=asked)
        again = msgspec.structs.replace(request, run_at=None)
        return await self.submit(owner, again, key, job.id)
