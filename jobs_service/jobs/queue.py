"""The queue as workers see it: claim, heartbeat, finish, and taking back what was lost.

Every write of a worker carries its fencing token: when the row has moved on (cancelled, taken
back, claimed by another), nothing is written and the worker learns that it lost the job.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, TextClause, bindparam, delete, func, select, text, update
from sqlalchemy.sql.dml import ReturningUpdate

from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import COLUMNS, ENDED, KEYS_SINCE, job_of
from jobs_service.tables import holds, idempotency_keys, jobs
from shared.db.executor import Executor

_CLAIM_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('jobs.claim', 0))")
# Fair between users: only the oldest waiting job of each user is a candidate, and users with
# fewer running jobs come first. The recursive part walks the index from user to user, so that
# the cost grows with the number of users waiting, not with the number of their jobs.
_CLAIM: TextClause = text(
    f"""
WITH RECURSIVE owners AS (
    (SELECT owner_id FROM jobs WHERE status = 'queued' ORDER BY owner_id LIMIT 1)
    UNION ALL
    SELECT (SELECT later.owner_id FROM jobs later
            WHERE later.status = 'queued' AND later.owner_id > owners.owner_id
            ORDER BY later.owner_id LIMIT 1)
    FROM owners WHERE owners.owner_id IS NOT NULL
), candidate AS (
    SELECT first.id
    FROM owners
    CROSS JOIN LATERAL (
        SELECT waiting.id, waiting.run_after FROM jobs waiting
        WHERE waiting.status = 'queued' AND waiting.owner_id = owners.owner_id
          AND waiting.run_after <= now()
        ORDER BY waiting.run_after, waiting.id LIMIT 1
    ) first
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM jobs busy
        WHERE busy.status = 'running' AND busy.owner_id = owners.owner_id
    ) running
    WHERE running.jobs < :per_user
    ORDER BY running.jobs, first.run_after, first.id
    LIMIT 1
)
UPDATE jobs SET
    status = 'running', worker = :worker, attempt = attempt + 1, fence = fence + 1,
    revision = revision + 1, progress = 0, started_at = coalesce(started_at, now()),
    lease_until = now() + make_interval(secs => :lease)
FROM candidate
WHERE jobs.id = candidate.id AND jobs.status = 'queued'
RETURNING {", ".join(f"jobs.{column.name}" for column in COLUMNS)}
"""  # noqa: S608 - column names of our own table
)


def _in_seconds(name: str) -> ColumnElement[datetime]:
    """The moment that lies the seconds of the parameter `name` ahead."""
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam(name))


_MINE = (
    jobs.c.id == bindparam("job"),
    jobs.c.fence == bindparam("token"),
    jobs.c.status == JobStatus.RUNNING,
)
_HEARTBEAT = (
    update(jobs)
    .where(*_MINE)
    .values(
        lease_until=_in_seconds("lease"),
        progress=func.greatest(jobs.c.progress, bindparam("reached")),
    )
)
_FINISH = (
    update(jobs)
    .where(*_MINE)
    .values(
        status=bindparam("new_status"),
        progress=bindparam("reached"),
        error_code=bindparam("code"),
        error_detail=bindparam("detail"),
        **ENDED,
    )
    .returning(*COLUMNS)
)
_BACK_TO_QUEUE = {
    "status": JobStatus.QUEUED,
    "worker": None,
    "lease_until": None,
    "progress": 0,
    "revision": jobs.c.revision + 1,
}
_HAND_BACK = (
    update(jobs)
    .where(*_MINE)
    .values(
        **_BACK_TO_QUEUE,
        attempt=jobs.c.attempt - bindparam("uncounted"),
        run_after=_in_seconds("delay"),
    )
    .returning(*COLUMNS)
)


def _free(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those of `which` that nobody else is writing at this moment. To wait for a row while holding
    others, and accounts, would be a deadlock; whoever has the row is about to settle it."""
    return jobs.c.id.in_(select(jobs.c.id).where(*which).with_for_update(skip_locked=True))


_LOST = (jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < func.now())
_TAKE_BACK = (
    update(jobs)
    .where(_free(*_LOST, jobs.c.attempt < bindparam("attempts")))
    .values(**_BACK_TO_QUEUE, run_after=func.now())
    .returning(*COLUMNS)
)


def _fail(code: str, detail: str) -> ReturningUpdate[tuple[object, ...]]:
    return (
        update(jobs)
        .values(status=JobStatus.FAILED, error_code=code, error_detail=detail, **ENDED)
        .returning(*COLUMNS)
    )


_FAIL_LOST = _fail("worker_lost", "Every worker that tried this job was lost.").where(
    _free(*_LOST, jobs.c.attempt >= bindparam("attempts"))
)
_FAIL_EXPIRED = _fail("expired", "No worker took the job up in time.").where(
    _free(
        jobs.c.status == JobStatus.QUEUED,
        jobs.c.id.in_(
            select(holds.c.job_id).where(holds.c.state == "open", holds.c.expires_at < func.now())
        ),
    )
)
_FORGET_KEYS = delete(idempotency_keys).where(idempotency_keys.c.created_at < KEYS_SINCE)


class Queue:
    """The jobs that wait, and those that workers hold."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def claim(self, worker: str, lease: float, per_user: int) -> Job | None:
        """Take the next job for `lease` seconds; None when nothing may run.

        Claims go one after the other, so that the limit of running jobs per user is exact.
        """
        await self._executor.run(_CLAIM_LOCK)
        params = {"worker": worker, "lease": lease, "per_user": per_user}
        row = await self._executor.one(_CLAIM, params)
        return job_of(row) if row else None

    async def heartbeat(self, job: Job, lease: float, progress: float) -> bool:
        """Keep the job for another `lease` seconds; False when it has been lost."""
        params = {"job": job.id, "token": job.fence, "lease": lease, "reached": progress}
        return await self._executor.run(_HEARTBEAT, params) == 1

    async def finish(
        self, job: Job, status: JobStatus, code: str | None = None, detail: str | None = None
    ) -> Job | None:
        """Write how the job ended; None, and nothing written, when it has been lost."""
        row = await self._executor.one(
            _FINISH,
            {
                "job": job.id,
                "token": job.fence,
                "new_status": status,
                "reached": 1.0 if status is JobStatus.SUCCEEDED else job.progress,
                "code": code,
                "detail": detail,
            },
        )
        return job_of(row) if row else None

    async def hand_back(self, job: Job, delay: float, *, counted: bool) -> Job | None:
        """Queue the job again, to run after `delay` seconds; None when it has been lost."""
        params = {"job": job.id, "token": job.fence, "delay": delay, "uncounted": int(not counted)}
        row = await self._executor.one(_HAND_BACK, params)
        return job_of(row) if row else None

    async def take_back_lost(self, attempts: int) -> Sequence[Job]:
        """Queue again what lost its worker; the jobs taken back."""
        return [job_of(row) for row in await self._executor.all(_TAKE_BACK, {"attempts": attempts})]

    async def fail_hopeless(self, attempts: int) -> Sequence[Job]:
        """Fail what was lost too often or never taken up while its hold lasted.

        Ordered by owner, so that all who then give credits back lock accounts in one order.
        """
        lost = await self._executor.all(_FAIL_LOST, {"attempts": attempts})
        expired = await self._executor.all(_FAIL_EXPIRED)
        failed = [job_of(row) for row in (*lost, *expired)]
        return sorted(failed, key=lambda job: job.owner_id)

    async def forget_old_keys(self) -> None:
        """Remove idempotency keys older than 24 hours."""
        await self._executor.run(_FORGET_KEYS)
