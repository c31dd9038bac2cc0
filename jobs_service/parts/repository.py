"""The rows of parts.

Every write of a worker carries its fencing token, as those of jobs do.
"""

from collections.abc import Collection
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, case, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import UNDER_WAY
from jobs_service.parts.domain import Part, Plan, Standing
from jobs_service.recognition.domain import Heard
from jobs_service.tables import jobs, parts
from shared.db.executor import Executor

_COLUMNS = ", ".join(f"parts.{name}" for name in Part.__struct_fields__)
_NEW = insert(parts)
# A part that is planned anew is what it was before, unless settings have changed in between.
_PLAN = _NEW.on_conflict_do_update(
    index_elements=[parts.c.job_id, parts.c.number],
    set_={
        "provider": _NEW.excluded.provider,
        "starts": _NEW.excluded.starts,
        "ends": _NEW.excluded.ends,
        "state": "waiting",
        "attempt": 0,
        "fence": parts.c.fence + 1,
        "worker": None,
        "lease_until": None,
        "progress": 0,
        "heard": None,
    },
    where=or_(
        parts.c.provider != _NEW.excluded.provider,
        parts.c.starts != _NEW.excluded.starts,
        parts.c.ends != _NEW.excluded.ends,
    ),
)
_FORGET_BEYOND = delete(parts).where(
    parts.c.job_id == bindparam("job"), parts.c.number >= bindparam("count")
)
_TAKE = f"""
UPDATE parts SET
    state = 'running', worker = :worker, attempt = parts.attempt + 1, fence = parts.fence + 1,
    progress = 0, lease_until = now() + make_interval(secs => :lease)
FROM candidate
WHERE parts.job_id = candidate.job_id AND parts.number = candidate.number
RETURNING {_COLUMNS}
"""  # noqa: S608 - names of our own columns
_FREE = "part.state <> 'done' AND (part.lease_until IS NULL OR part.lease_until < now())"
# Each owner's videos in turn: the one with the fewest parts under way comes first.
_CLAIM_ANY = text(
    f"""
WITH candidate AS (
    SELECT part.job_id, part.number
    FROM parts part JOIN jobs job ON job.id = part.job_id
    WHERE {_FREE} AND part.attempt < :attempts AND part.provider = ANY(:providers)
      AND job.status = 'running'
    ORDER BY (
        SELECT count(*) FROM parts busy JOIN jobs of_owner ON of_owner.id = busy.job_id
        WHERE of_owner.owner_id = job.owner_id AND busy.state = 'running'
    ), job.started_at, part.number
    LIMIT 1 FOR UPDATE OF part SKIP LOCKED
) {_TAKE}"""  # noqa: S608
)
_CLAIM_OF = text(
    f"""
WITH candidate AS (
    SELECT part.job_id, part.number FROM parts part
    WHERE {_FREE} AND part.job_id = :job
    ORDER BY part.number LIMIT 1 FOR UPDATE OF part SKIP LOCKED
) {_TAKE}"""  # noqa: S608
)
_MINE = (
    parts.c.job_id == bindparam("job"),
    parts.c.number == bindparam("part"),
    parts.c.fence == bindparam("token"),
    parts.c.state == "running",
)


def _in_seconds(name: str) -> Any:
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam(name))


# Also while the job waits for another worker: what is done now need not be done again.
_HEARTBEAT = (
    update(parts)
    .where(*_MINE, jobs.c.id == parts.c.job_id, jobs.c.status.in_(UNDER_WAY))
    .values(lease_until=_in_seconds("lease"), progress=bindparam("reached"))
)
_FINISH = (
    update(parts)
    .where(*_MINE)
    .values(state="done", progress=1, lease_until=None, worker=None, heard=bindparam("said"))
)
_GIVE_BACK = (
    update(parts)
    .where(*_MINE)
    .values(
        state="waiting",
        worker=None,
        progress=0,
        lease_until=_in_seconds("delay"),
        attempt=parts.c.attempt - bindparam("uncounted"),
    )
)
_seconds = parts.c.ends - parts.c.starts
_STANDING = select(
    func.count().label("parts"),
    func.count(case((parts.c.state == "done", 1))).label("done"),
    (func.sum(parts.c.progress * _seconds) / func.sum(_seconds)).label("reached"),
).where(parts.c.job_id == bindparam("job"))
_HEARD = select(parts.c.heard).where(parts.c.job_id == bindparam("job")).order_by(parts.c.number)
_FORGET = delete(parts).where(parts.c.job_id == bindparam("job"))
_FORGET_ENDED = delete(parts).where(
    parts.c.job_id == jobs.c.id,
    jobs.c.status.in_([one for one in JobStatus if one not in UNDER_WAY]),
)


class Parts:
    """The parts of jobs that are under way."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def plan(self, plan: Plan) -> None:
        """Write the parts of a job, within a transaction; those that an earlier attempt has
        planned in the same way, and done, stay."""
        each = msgspec.structs.asdict(plan)
        bounds = each.pop("bounds")
        rows = [
            {**each, "number": number, "starts": starts, "ends": ends}
            for number, (starts, ends) in enumerate(pairwise(bounds))
        ]
        await self._executor.run(_PLAN, rows)
        await self._executor.run(_FORGET_BEYOND, {"job": plan.job_id, "count": len(rows)})

    async def claim_any(
        self, worker: str, lease: float, attempts: int, providers: Collection[str]
    ) -> Part | None:
        """Take a part of any running job, for `lease` seconds, unless it was tried `attempts`
        times; of one of these `providers`."""
        params = {"worker": worker, "lease": lease, "attempts": attempts}
        row = await self._executor.one(_CLAIM_ANY, {**params, "providers": list(providers)})
        return _part(row) if row else None

    async def claim_of(self, job: Job, worker: str, lease: float) -> Part | None:
        """Take the next part of this job that nobody works on."""
        params = {"job": job.id, "worker": worker, "lease": lease}
        row = await self._executor.one(_CLAIM_OF, params)
        return _part(row) if row else None

    async def heartbeat(self, part: Part, lease: float, reached: float) -> bool:
        """Keep the part for another `lease` seconds; False when it has been lost."""
        said = {"lease": lease, "reached": reached}
        return await self._executor.run(_HEARTBEAT, {**_of(part), **said}) == 1

    async def finish(self, part: Part, heard: Heard) -> bool:
        """Write what was heard; False, and nothing written, when the part has been lost."""
        said = {"said": msgspec.json.encode(heard).decode()}
        return await self._executor.run(_FINISH, {**_of(part), **said}) == 1

    async def give_back(self, part: Part, delay: float = 0.0, *, counted: bool) -> None:
        """Let others have the part after `delay` seconds; `counted` says whether it was tried."""
        said = {"delay": delay, "uncounted": int(not counted)}
        await self._executor.run(_GIVE_BACK, {**_of(part), **said})

    async def standing(self, job: Job) -> Standing:
        """How far the parts of a job are."""
        row = await self._executor.one(_STANDING, {"job": job.id})
        return Standing(row.parts, row.done, row.reached or 0.0) if row else Standing(0, 0, 0.0)

    async def heard(self, job: Job) -> list[Heard]:
        """What was heard of a job whose parts are complete, in order."""
        rows = await self._executor.all(_HEARD, {"job": job.id})
        return [msgspec.json.decode(row.heard, type=Heard) for row in rows]

    async def forget(self, job: Job) -> None:
        """Delete the parts of a job that ends."""
        await self._executor.run(_FORGET, {"job": job.id})

    async def forget_ended(self) -> int:
        """Delete the parts of all jobs that have ended; how many."""
        return await self._executor.run(_FORGET_ENDED)


def _of(part: Part) -> dict[str, Any]:
    return {"job": part.job_id, "part": part.number, "token": part.fence}


def _part(row: Row[Any]) -> Part:
    return Part(**row._mapping)
