"""The two ends of usual jobs: of all that are submitted, or succeed, at the same time, at once.

`submit.py` and `work/use_cases.py` say in transactions what has to happen, whatever the case. Here
is what they come to where nothing is unusual: credits that do not end, a key that is new, and
nothing to store beside the result. One statement, which commits by itself, does it for several jobs
of different owners; a job of which anything is unusual, it leaves out. It may be sent twice, since
ids and fencing tokens are in it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import TextClause

from jobs_service.credits.domain import Entry, Hold
from jobs_service.events import JobQueued, JobSucceeded
from jobs_service.idempotency.use_cases import Kept
from jobs_service.jobs.at_once_sql import SUBMIT, SUCCEED
from jobs_service.jobs.domain import Job, JobStatus
from shared.db.aliases import lock_of
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.event import Envelope, encode
from shared.runtime.together import Together

_IN_THE_WAY = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
)
_MOST = 50
"""Jobs that a statement begins or ends."""
_BETWEEN_ENDS = 0.005
"""Seconds: whoever submits waits for the answer, but a job that has ended can wait for others."""


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A job as a statement takes it, with the entry of its credits and the event."""

    job: UUID
    owner: UUID
    price: int
    entry: UUID = msgspec.field(default_factory=uuid7)
    kind: str
    reason: str
    event: UUID
    envelope: msgspec.Raw


class _New(_Row, frozen=True, kw_only=True):
    """To be queued; `kept` is what there is of its key, if it has one."""

    lock: str
    type: str
    video: UUID | None
    language: str | None
    request: str
    same_as: str | None
    priority: int
    start: datetime
    due: bool
    retry_of: UUID | None
    now: datetime
    expires: datetime
    kept: Kept | None


class _Ended(_Row, frozen=True, kw_only=True):
    """To be ended; `back` is what of the price is not spent."""

    fence: int
    revision: int
    made: str | None
    spent: int
    back: int


_Asked: TypeAlias = tuple[_Row, JobQueued | JobSucceeded, Envelope]


class AtOnce:
    """Submits jobs, and ends them, in the usual case.

    Of one owner a statement takes one job: what each costs is to be there when all before are paid.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submit = Together(partial(self._do, SUBMIT), most=_MOST, apart=_owner_of)
        self._succeed = Together(
            partial(self._do, SUCCEED), most=_MOST, apart=_owner_of, pause=_BETWEEN_ENDS
        )

    async def submit(
        self, job: Job, same_as: str | None, hold_lasts: timedelta, kept: Kept | None
    ) -> bool:
        """Queue a new job and hold its price; False, and nothing done, where that is not usual."""
        event = JobQueued(**job.facts())
        envelope = self._envelope(event)
        row = _New(
            **_of_both(job, Hold(job.id, job.owner_id, job.price).open(), envelope),
            lock=lock_of(job.owner_id),
            type=job.type,
            video=job.video_id,
            language=job.language,
            request=job.request,
            same_as=same_as,
            priority=job.priority,
            start=job.run_after,
            due=job.run_after <= job.created_at,
            retry_of=job.retry_of,
            now=job.created_at,
            expires=job.run_after + hold_lasts,
            kept=kept,
        )
        return await self._submit((row, event, envelope)) is not None

    async def succeed(self, job: Job, shown: str | None, spent: int) -> Job | None:
        """Write the result of a claimed job and spend so much of its hold; the job as it ended, or
        None, and nothing done, where that is not usual, or where the job has been lost."""
        entry = Hold(job.id, job.owner_id, job.price).capture(spent)
        ended = msgspec.structs.replace(
            job,
            status=JobStatus.SUCCEEDED,
            progress=1.0,
            result=shown,
            spent=spent,
            revision=job.revision + 1,
        )
        event = JobSucceeded(**ended.facts())
        envelope = self._envelope(event)
        row = _Ended(
            **_of_both(job, entry, envelope),
            fence=job.fence,
            revision=job.revision,
            made=shown,
            spent=spent,
            back=entry.amount,
        )
        done = await self._succeed((row, event, envelope))
        return done and msgspec.structs.replace(ended, finished_at=done.at)

    def _envelope(self, event: JobQueued | JobSucceeded) -> Envelope:
        """It is of the request that asks, whoever sends the statement."""
        return self._database.outbox.envelopes([event])[0]

    async def _do(self, statement: TextClause, asked: Sequence[_Asked]) -> list[Any]:
        """The row of each that was done. What is in the way of one is in the way of all, and each
        is then tried alone."""
        rows = sorted((row for row, _, _ in asked), key=lambda row: row.owner)
        reserved = self._database.outbox.reserved_seconds
        try:
            found = await self._database.hot.all(
                statement, {"asked": msgspec.json.encode(rows).decode(), "reserved": reserved}
            )
        except _IN_THE_WAY:
            if len(asked) == 1:
                return [None]
            return [(await self._do(statement, [one]))[0] for one in asked]
        done = {row.id: row for row in found}
        told = [one for one in asked if one[0].job in done]
        if told:
            self._database.announced([event for _, event, _ in told], [one for _, _, one in told])
        return [done.get(row.job) for row, _, _ in asked]


def _of_both(job: Job, entry: Entry, envelope: Envelope) -> dict[str, Any]:
    return {
        "job": job.id,
        "owner": job.owner_id,
        "price": job.price,
        "kind": entry.kind,
        "reason": entry.reason,
        "event": envelope.id,
        "envelope": msgspec.Raw(encode(envelope)),
    }


def _owner_of(asked: _Asked) -> UUID:
    return asked[0].owner
