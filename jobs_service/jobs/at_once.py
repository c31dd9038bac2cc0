"""The two ends of a usual job, each as one statement that commits by itself.

`submit.py` and `work/use_cases.py` say in transactions what has to happen, whatever the case. Here
is what they come to where nothing is unusual: credits that do not end, no key, and nothing to store
beside the result. A statement does all of it or nothing: where the account cannot pay, the entry
lacks its balance, and PostgreSQL refuses the whole. It may be sent twice, since ids and fencing
tokens are in it.
"""

from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import text

from jobs_service.credits.domain import Hold
from jobs_service.events import JobQueued, JobSucceeded
from jobs_service.jobs.domain import Job, JobStatus
from shared.db.aliases import IS_FREE, lock_of
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.outbox import ADD_FOR_EACH

# The lock of the owner is that of `Aliases.owner`, if nobody else has it: who makes a guest a user
# empties the guest's account, so that an account that can pay is its owner's own.
_SUBMIT = text(
    """
    WITH free AS MATERIALIZED (SELECT {is_free} AS got),
    job AS (
        INSERT INTO jobs (id, owner_id, type, video_id, language, request, price, same_as,
                          priority, run_after, due, retry_of, status, created_at)
        SELECT :job, :owner, :type, :video, :language, :request, :price, :same_as,
               :priority, :start, :due, :retry_of, 'queued', :now
        FROM free JOIN accounts ON accounts.owner_id = :owner
        WHERE free.got AND accounts.balance >= :price AND accounts.expiring = 0
        RETURNING id
    ), account AS (
        UPDATE accounts SET balance = balance - :price, held = held + :price FROM job
        WHERE accounts.owner_id = :owner AND balance >= :price AND expiring = 0
        RETURNING balance
    ), entry AS (
        INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason, job_id)
        SELECT :entry, :owner, :kind, - :price, :price, (SELECT balance FROM account), :reason, id
        FROM job
    ), hold AS (
        INSERT INTO holds (job_id, owner_id, amount, expires_at)
        SELECT id, :owner, :price, :expires FROM job
    ), news AS ({news})
    SELECT id FROM job
    """.format(is_free=IS_FREE, news=ADD_FOR_EACH.format(of="job"))  # noqa: S608 - of constants
)
_SUCCEED = text(
    """
    WITH job AS (
        UPDATE jobs SET
            status = 'succeeded', progress = 1, result = :made, spent = :spent, finished_at = now(),
            error_code = NULL, error_detail = NULL, lease_until = NULL, worker = NULL,
            revision = revision + 1
        WHERE id = :job AND fence = :fence AND status = 'running'
          AND revision = :revision AND owner_id = :owner
          AND EXISTS (
            SELECT FROM holds
            WHERE job_id = :job AND state = 'open' AND expiring = 0 AND amount = :price
          )
        RETURNING id, finished_at
    ), hold AS (
        UPDATE holds SET state = 'captured' FROM job
        WHERE job_id = job.id AND state = 'open' AND expiring = 0
        RETURNING job_id
    ), account AS (
        UPDATE accounts SET balance = balance + :back, held = held - :price FROM hold
        WHERE owner_id = :owner
        RETURNING balance
    ), entry AS (
        INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason, job_id)
        SELECT :entry, :owner, :kind, :back, - :price, (SELECT balance FROM account), :reason, id
        FROM job
    ), news AS ({news})
    SELECT finished_at FROM job
    """.format(news=ADD_FOR_EACH.format(of="job"))  # noqa: S608 - of constants
)


class AtOnce:
    """Submits jobs, and ends them, in the usual case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(self, job: Job, same_as: str | None, hold_lasts: timedelta) -> bool:
        """Queue a new job and hold its price; False, and nothing done, where that is not usual."""
        entry = Hold(job.id, job.owner_id, job.price).open()
        row = await self._do(
            _SUBMIT,
            JobQueued(**job.facts()),
            {
                "lock": lock_of(job.owner_id),
                "job": job.id,
                "owner": job.owner_id,
                "type": job.type,
                "video": job.video_id,
                "language": job.language,
                "request": job.request,
                "price": job.price,
                "same_as": same_as,
                "priority": job.priority,
                "start": job.run_after,
                "due": job.run_after <= job.created_at,
                "retry_of": job.retry_of,
                "now": job.created_at,
                "expires": job.run_after + hold_lasts,
                "kind": entry.kind,
                "reason": entry.reason,
            },
        )
        return row is not None

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
        row = await self._do(
            _SUCCEED,
            JobSucceeded(**ended.facts()),
            {
                "job": job.id,
                "owner": job.owner_id,
                "fence": job.fence,
                "revision": job.revision,
                "price": job.price,
                "made": shown,
                "spent": spent,
                "back": entry.amount,
                "kind": entry.kind,
                "reason": entry.reason,
            },
        )
        return row and msgspec.structs.replace(ended, finished_at=row.finished_at)

    async def _do(self, statement: Any, event: JobQueued | JobSucceeded, values: Any) -> Any:
        outbox = self._database.outbox
        envelopes = outbox.envelopes([event])
        try:
            row = await self._database.hot.one(
                statement, {**values, **outbox.rows(envelopes), "entry": uuid7()}
            )
        except asyncpg.IntegrityConstraintViolationError:
            return None
        if row is not None:
            self._database.announced([event], envelopes)
        return row
