"""The queue as workers see it: claim, heartbeat, finish, and taking back what was lost.

Every write of a worker carries its fencing token: when the row has moved on (cancelled, taken
back, claimed by another), nothing is written and the worker learns that it lost the job.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, TextClause, bindparam, func, not_, select, text, update
from sqlalchemy.sql.dml import ReturningUpdate

from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import COLUMNS, ENDED, job_of
from jobs_service.tables import holds, jobs
from shared.db.executor import Executor
from shared.security.principal import UserId

# Fair between users: whoever has fewest jobs running comes first, and of those whoever was served
# longest ago; of each the first of their jobs. A lane that another claim has locked is left out, so
# that claims do not wait for each other; `_CLAIM_PATIENTLY` waits, and therefore takes one alone.
_CLAIM_TEXT = """
WITH lane AS (
    SELECT owner_id FROM lanes
    WHERE waiting > 0 AND running < :per_user
    ORDER BY running, turn LIMIT {room}
    FOR UPDATE {skip_locked}
), candidate AS (
    SELECT first.id FROM lane
    CROSS JOIN LATERAL (
        SELECT waiting.id FROM jobs waiting
        WHERE waiting.status = 'queued' AND waiting.due AND waiting.owner_id = lane.owner_id
        ORDER BY waiting.priority DESC, waiting.run_after, waiting.id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) first
)
UPDATE jobs SET
    status = 'running', worker = :worker, attempt = attempt + 1, fence = fence + 1,
    revision = revision + 1, progress = 0, started_at = coalesce(started_at, now()),
    lease_until = now() + make_interval(secs => :lease)
FROM candidate
WHERE jobs.id = candidate.id
RETURNING {columns}
"""
_COLUMN_NAMES = ", ".join(f"jobs.{column.name}" for column in COLUMNS)
_CLAIM_PATIENTLY = text(_CLAIM_TEXT.format(skip_locked="", columns=_COLUMN_NAMES, room=1))


@cache
def _claim(room: int) -> TextClause:
    """`room` is part of the text: PostgreSQL has to guess a limit that is a parameter."""
    return text(_CLAIM_TEXT.format(skip_locked="SKIP LOCKED", columns=_COLUMN_NAMES, room=room))


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
        result=bindparam("made"),
        spent=bindparam("credits"),
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
        due=bindparam("delay") <= 0,
    )
    .returning(*COLUMNS)
)


def _free(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Those of `which` that nobody else is writing at this moment. To wait for a row while holding
    others, and accounts, would be a deadlock; whoever has the row is about to settle it."""
    return jobs.c.id.in_(select(jobs.c.id).where(*which).with_for_update(skip_locked=True))


_PROMOTE = (
    update(jobs)
    .where(
        _free(jobs.c.status == JobStatus.QUEUED, not_(jobs.c.due), jobs.c.run_after <= func.now())
    )
    .values(due=True)
    .returning(jobs.c.owner_id)
)
_ALLOWED = func.coalesce(jobs.c.attempts_allowed, bindparam("attempts"))
_LOST = (jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < func.now())
_TAKE_BACK = (
    update(jobs)
    .where(_free(*_LOST, jobs.c.attempt < _ALLOWED))
    .values(**_BACK_TO_QUEUE, run_after=func.now(), due=True)
    .returning(*COLUMNS)
)


def _fail(code: str, detail: str) -> ReturningUpdate[tuple[object, ...]]:
    return (
        update(jobs)
        .values(status=JobStatus.FAILED, error_code=code, error_detail=detail, **ENDED)
        .returning(*COLUMNS)
    )


_FAIL_LOST = _fail("worker_lost", "Every worker that tried this job was lost.").where(
    _free(*_LOST, jobs.c.attempt >= _ALLOWED)
)
_FAIL_EXPIRED = _fail("expired", "No worker took the job up in time.").where(
    _free(
        jobs.c.status == JobStatus.QUEUED,
        jobs.c.id.in_(
            select(holds.c.job_id).where(holds.c.state == "open", holds.c.expires_at < func.now())
        ),
    )
)


class Queue:
    """The jobs that wait, and those that workers hold."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def claim(
        self, worker: str, lease: float, per_user: int, room: int, *, patiently: bool = False
    ) -> Sequence[Job]:
        """Take the next jobs, up to `room`, for `lease` seconds; none when nothing may run.

        `patiently` takes one at most, and waits for a lane that another claim holds.

        A user's jobs are counted under the lock of their lane, so that the limit of running jobs
        per user is exact.
        """
        params = {"worker": worker, "lease": lease, "per_user": per_user}
        rows = () if patiently else await self._executor.all(_claim(room), params)
        rows = rows or await self._executor.all(_CLAIM_PATIENTLY, params)
        return [job_of(row) for row in rows]

    async def promote(self) -> list[UserId]:
        """Let those be claimed whose time has come; the owner of each."""
        return [row.owner_id for row in await self._executor.all(_PROMOTE)]

    async def heartbeat(self, job: Job, lease: float, progress: float) -> bool:
        """Keep the job for another `lease` seconds; False when it has been lost."""
        params = {"job": job.id, "token": job.fence, "lease": lease, "reached": progress}
        return await self._executor.run(_HEARTBEAT, params) == 1

    async def succeed(self, job: Job, result: str | None, spent: int) -> Job | None:
        """Write that the job succeeded; None, and nothing written, when it has been lost."""
        return await self._finish(
            job, JobStatus.SUCCEEDED, {"reached": 1.0, "made": result, "credits": spent}
        )

    async def fail(
        self, job: Job, code: str, detail: str, part: str | None = None, spent: int = 0
    ) -> Job | None:
        """Write why the job failed, and what there is of its result; None, and nothing written,
        when it has been lost."""
        said = {"code": code, "detail": detail, "made": part, "credits": spent}
        return await self._finish(job, JobStatus.FAILED, {"reached": job.progress, **said})

    async def _finish(self, job: Job, status: JobStatus, said: Mapping[str, Any]) -> Job | None:
        nothing = {"code": None, "detail": None, "made": None}
        which = {"job": job.id, "token": job.fence, "new_status": status}
        row = await self._executor.one(_FINISH, {**nothing, **which, **said})
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
