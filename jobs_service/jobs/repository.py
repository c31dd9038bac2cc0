"""The rows of jobs, for those who submit, read and cancel them.

What only workers do (claim, heartbeat, finish) is in `queue.py`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Row,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql import Select

from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.tables import jobs, lanes
from shared.db.executor import Executor
from shared.security.principal import UserId

NEW_JOB: Mapping[str, Any] = MappingProxyType(
    {
        "video_id": None,
        "language": None,
        "request": "{}",
        "same_as": None,
        "priority": 0,
        "due": True,
        "direct": False,
        "retry_of": None,
        "status": JobStatus.QUEUED,
        "attempt": 0,
        "fence": 0,
        "worker": None,
        "lease_until": None,
        "attempts_allowed": None,
        "started_at": None,
    }
)
"""What a new row says unless it says otherwise; it needs the rest of `_NEW`."""
COLUMNS = tuple(jobs.c[name] for name in Job.__struct_fields__)
UNDER_WAY = (JobStatus.QUEUED, JobStatus.RUNNING)

_NEW = ("id", "owner_id", "type", "video_id", "language", "request", "price", "same_as", "priority",
        "run_after", "due", "direct", "retry_of", "status", "attempt", "fence", "worker",
        "lease_until", "attempts_allowed", "started_at", "created_at")  # fmt: skip
_ADD = (
    upsert(jobs)
    .values({name: bindparam(name) for name in _NEW})
    .on_conflict_do_nothing()
    .returning(*COLUMNS)
)
_SAME = select(*COLUMNS).where(
    jobs.c.owner_id == bindparam("owner"),
    jobs.c.type == bindparam("type"),
    jobs.c.same_as == bindparam("same_as"),
    jobs.c.status.in_(UNDER_WAY),
)
_FIND = select(*COLUMNS).where(jobs.c.id == bindparam("job"), jobs.c.owner_id == bindparam("owner"))
_LIST = (
    select(*COLUMNS)
    .where(jobs.c.owner_id == bindparam("owner"))
    .order_by(jobs.c.id.desc())
    .limit(bindparam("limit"))
)
ENDED = {
    "lease_until": None,
    "worker": None,
    "finished_at": func.now(),
    "revision": jobs.c.revision + 1,
}
"""What becomes of a row when its job ends, whatever the end."""

_CANCEL = (
    update(jobs)
    .where(jobs.c.status.in_(UNDER_WAY))
    .values(status=JobStatus.CANCELLED, **ENDED)
    .returning(*COLUMNS)
)
# what somebody waits for at an open connection, they end by leaving: it may have cost by then
_CANCEL_ONE = _CANCEL.where(
    jobs.c.id == bindparam("job"), jobs.c.owner_id == bindparam("owner"), not_(jobs.c.direct)
)
_CANCEL_OF_VIDEO = _CANCEL.where(jobs.c.video_id == bindparam("video"))

# A guest's jobs, once the guest is known to be a user.
_of_user = jobs.alias("of_user")
_LOCK_OF = select(jobs.c.id).where(jobs.c.owner_id == bindparam("owner")).with_for_update()
_CANCEL_SAME = _CANCEL.where(
    jobs.c.owner_id == bindparam("owner"),
    exists().where(
        _of_user.c.owner_id == bindparam("new_owner"),
        _of_user.c.type == jobs.c.type,
        _of_user.c.same_as == jobs.c.same_as,
        _of_user.c.status.in_(UNDER_WAY),
    ),
)
_MOVE = (
    update(jobs)
    .where(jobs.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_LOCK_LANES = (
    select(lanes.c.owner_id)
    .where(lanes.c.owner_id == any_(bindparam("owners", type_=ARRAY(Uuid))))
    .order_by(lanes.c.owner_id)
    .with_for_update(key_share=True)
)
_CANCEL_OF_OWNER = _CANCEL.where(jobs.c.owner_id == bindparam("owner"))
_DELETE_OF_OWNER = delete(jobs).where(jobs.c.owner_id == bindparam("owner"))


class Jobs:
    """The jobs of this service."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, new: Mapping[str, Any]) -> Job | None:
        """Add a row, of `NEW_JOB` with what differs; None when the same job is under way."""
        fields = {**NEW_JOB, **new}
        row = await self._executor.one(_ADD, {name: fields[name] for name in _NEW})
        return job_of(row) if row else None

    async def same_under_way(self, owner: UserId, type_: str, same_as: str) -> Job | None:
        """The owner's job of this kind that has not ended."""
        params = {"owner": owner, "type": type_, "same_as": same_as}
        row = await self._executor.one(_SAME, params)
        return job_of(row) if row else None

    async def find(self, owner: UserId, job_id: UUID) -> Job | None:
        """A job of this owner."""
        row = await self._executor.one(_FIND, {"owner": owner, "job": job_id})
        return job_of(row) if row else None

    async def list_of(
        self, owner: UserId, limit: int, after: UUID | None, which: Mapping[str, Any] | None = None
    ) -> list[Job]:
        """Jobs of this owner, newest first, older than the job `after`; of `which`, by column,
        those that are equal."""
        statement: Select[Any] = _LIST
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            statement = statement.where(jobs.c.id < bindparam("after"))
            params["after"] = after
        for name, value in (which or {}).items():
            statement = statement.where(jobs.c[name] == bindparam(f"which_{name}"))
            params[f"which_{name}"] = value
        return [job_of(row) for row in await self._executor.all(statement, params)]

    async def cancel(self, owner: UserId, job_id: UUID) -> Job | None:
        """Cancel a job that is under way; None when there is none."""
        row = await self._executor.one(_CANCEL_ONE, {"owner": owner, "job": job_id})
        return job_of(row) if row else None

    async def cancel_of_video(self, video_id: UUID) -> list[Job]:
        """Cancel every job under way on a video; the cancelled ones."""
        rows = await self._executor.all(_CANCEL_OF_VIDEO, {"video": video_id})
        return [job_of(row) for row in rows]

    async def cancel_of_owner(self, owner: UserId) -> list[Job]:
        """Cancel every job of `owner` that is under way; the cancelled ones."""
        rows = await self._executor.all(_CANCEL_OF_OWNER, {"owner": owner})
        return [job_of(row) for row in rows]

    async def delete_of_owner(self, owner: UserId) -> None:
        """Delete all jobs of `owner`; their holds have gone before."""
        await self._executor.run(_DELETE_OF_OWNER, {"owner": owner})

    async def lock_all_of(self, owner: UserId) -> None:
        """Let nobody else write a job of `owner` until the transaction ends."""
        await self._executor.all(_LOCK_OF, {"owner": owner})

    async def lock_lanes(self, owners: Iterable[UserId]) -> None:
        """Keep the lanes of several owners until the transaction ends; the last that it does.

        They are written at the commit, one after the other: who has not locked them in the order
        in which all others do might wait for somebody who waits for them.
        """
        await self._executor.all(_LOCK_LANES, {"owners": list(owners)})

    async def cancel_same(self, owner: UserId, new_owner: UserId) -> list[Job]:
        """Cancel each job under way of `owner` that `new_owner` has under way, too; these."""
        params = {"owner": owner, "new_owner": new_owner}
        return [job_of(row) for row in await self._executor.all(_CANCEL_SAME, params)]

    async def move(self, owner: UserId, new_owner: UserId) -> int:
        """Give all jobs of `owner` to another; how many.

        Leases and fencing tokens stay: whoever works on a job goes on.
        """
        params = {"owner": owner, "new_owner": new_owner}
        return await self._executor.run(_MOVE, params)


def job_of(row: Row[Any]) -> Job:
    """A row of `COLUMNS` as a Job."""
    fields = dict(zip(Job.__struct_fields__, row, strict=True))
    return Job(**{**fields, "status": JobStatus(row.status)})
