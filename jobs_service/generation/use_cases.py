"""The transactions of texts that are written while their owner waits, and of what is kept."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from jobs_service.credits.domain import Hold
from jobs_service.credits.use_cases import capture_hold, hold_credits, release_hold
from jobs_service.events import JobFailed
from jobs_service.generation.problems import TooManyTexts
from jobs_service.generation.repository import Texts
from jobs_service.generation.schemas import TextRequest, TextResult
from jobs_service.idempotency.domain import RequestInProgress
from jobs_service.idempotency.use_cases import Once
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.kinds import Order, name_of
from jobs_service.jobs.queue import Queue
from jobs_service.jobs.repository import Jobs
from jobs_service.work.use_cases import JobLost
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.observability.logging import get_logger
from shared.security.principal import UserId

log = get_logger(__name__)

SECONDS_BETWEEN_FORGETTING = 3600.0
_SOON = {"retry-after": "2"}


class StartedText(msgspec.Struct, frozen=True):
    """What an Idempotency-Key of a text stands for."""

    job_id: UUID


@dataclass(frozen=True, slots=True)
class BeginText:
    """Make the job of a text that this process will write, and hold its price.

    The idempotency key, the hold, and the row with its lease (in seconds) are one transaction. When
    the process dies, the lease ends, and the sweeper gives back what was held.
    """

    database: Database
    clock: Clock
    worker: str
    lease: float
    per_user: int

    async def before(self, owner: UserId, request: TextRequest, key: str | None) -> Job | None:
        """What a key that was used before stands for; raises KeyReused, RequestInProgress."""
        known = await _once(owner, request, key).answered(self.database)
        return await _standing(self.database, owner, known) if known else None

    async def __call__(
        self, owner: UserId, request: TextRequest, order: Order, key: str | None
    ) -> Job:
        """The running job; or, of a key that another has just used, one that has ended.

        Raises NotEnoughCredits, TooManyTexts, KeyReused, RequestInProgress, OwnerErased.
        """
        async with self.database.transaction() as tx:
            owner = await Aliases(tx).owner(owner, alone=True)  # so that the limit is exact
            once = _once(owner, request, key)
            known = await once.begin(tx)
            if known and (before := await _standing(tx, owner, known)):
                return before
            if await Texts(tx).running(owner) >= self.per_user:
                limit = f"{self.per_user} texts are written for you at a time."
                raise TooManyTexts(limit, headers=_SOON)
            job = await self._add(tx, owner, request, order)
            await once.end(tx, StartedText(job.id))
        return job

    async def _add(self, tx: Transaction, owner: UserId, request: TextRequest, order: Order) -> Job:
        now = self.clock.now()
        new = {
            **msgspec.structs.asdict(order),
            "id": uuid7(),
            "owner_id": owner,
            "type": name_of(request),
            "request": msgspec.json.encode(request).decode(),
            "run_after": now,
            "started_at": now,
            "created_at": now,
            "status": JobStatus.RUNNING,
            "direct": True,
            "worker": self.worker,
            "lease_until": now + timedelta(seconds=self.lease),
            "attempt": 1,
            "attempts_allowed": 1,
            "fence": 1,
        }
        job = await Jobs(tx).add(new)
        if job is None:
            same = "The same text is being written for you; ask again when it is."
            raise RequestInProgress(same, headers=_SOON)
        if order.price:
            await hold_credits(tx, Hold(job.id, owner, order.price), now)
        return job


def _once(owner: UserId, request: TextRequest, key: str | None) -> Once[StartedText]:
    return Once(owner, key, ("generate", request), StartedText)


async def _standing(executor: Executor, owner: UserId, known: StartedText) -> Job | None:
    """The job that a key stands for, unless it failed and cost nothing, or its text is not kept any
    longer: that may be tried again.

    Raises RequestInProgress.
    """
    job = await Jobs(executor).find(owner, known.job_id)
    if job and job.status is JobStatus.RUNNING:
        raise RequestInProgress("The text is being written; ask again when it is.", headers=_SOON)
    if job is None or job.result is None:
        return None
    return job if job.status is JobStatus.SUCCEEDED or job.spent else None


@dataclass(frozen=True, slots=True)
class BreakOff:
    """End a text that is not whole; what its owner has of it is spent, the rest given back."""

    database: Database

    async def __call__(
        self, job: Job, code: str, detail: str, part: TextResult | None, spent: int
    ) -> None:
        """Write why; raises JobLost."""
        shown = None if part is None else msgspec.json.encode(part).decode()
        async with self.database.transaction() as tx:
            failed = await Queue(tx).fail(job, code, detail, shown, spent)
            if failed is None:
                raise JobLost
            if spent:
                await capture_hold(tx, job.id, spent)
            else:
                await release_hold(tx, job.id, f"job failed: {code}")
            tx.announce(JobFailed(**failed.facts(), error_code=code))


@dataclass(frozen=True, slots=True)
class FindSameText:
    """A text that its owner was given for the same request before; for so many hours."""

    database: Database
    clock: Clock
    hours: int

    async def __call__(self, owner: UserId, order: Order) -> tuple[UUID, TextResult] | None:
        """The text, and the job that it was written for; None where none is asked for."""
        if order.same_as is None:
            return None
        since = self.clock.now() - timedelta(hours=self.hours)
        found = await Texts(self.database).same(owner, order.same_as, since)
        if found is None:
            return None
        return found[0], msgspec.structs.replace(found[1], cached=True)


@dataclass(frozen=True, slots=True)
class ForgetTexts:
    """Remove prompts and texts after so many days; what they cost stays with the job."""

    database: Database
    clock: Clock
    days: int

    async def __call__(self) -> int:
        """How many."""
        before = self.clock.now() - timedelta(days=self.days)
        if forgotten := await Texts(self.database).forget(before):
            log.info("texts_forgotten", texts=forgotten)
        return forgotten
