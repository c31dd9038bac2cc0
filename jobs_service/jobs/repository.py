"""The rows of jobs, for those who submit, read and cancel them.

What only workers do (claim, heartbeat, finish) is in `queue.py`.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql import Select

from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.tables import idempotency_keys, jobs, tracks
from shared.db.executor import Executor
from shared.security.principal import UserId

COLUMNS = tuple(jobs.c[name] for name in Job.__struct_fields__)
UNDER_WAY = (JobStatus.QUEUED, JobStatus.RUNNING)

_ADD = (
    upsert(jobs)
    .values(
        {
            name: bindparam(name)
            for name in ("id", "owner_id", "type", "video_id", "language", "status", "price")
        }
    )
    .on_conflict_do_nothing()
    .returning(*COLUMNS)
)
_SAME = select(*COLUMNS).where(
    jobs.c.owner_id == bindparam("owner"),
    jobs.c.type == bindparam("type"),
    jobs.c.video_id == bindparam("video"),
    jobs.c.language == bindparam("language"),
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
_CANCEL_ONE = _CANCEL.where(jobs.c.id == bindparam("job"), jobs.c.owner_id == bindparam("owner"))
_CANCEL_OF_VIDEO = _CANCEL.where(jobs.c.video_id == bindparam("video"))

# A guest's jobs, once the guest is known to be a user.
_of_user = jobs.alias("of_user")
_LOCK_OF = select(jobs.c.id).where(jobs.c.owner_id == bindparam("owner")).with_for_update()
_CANCEL_SAME = _CANCEL.where(
    jobs.c.owner_id == bindparam("owner"),
    exists().where(
        _of_user.c.owner_id == bindparam("new_owner"),
        _of_user.c.type == jobs.c.type,
        _of_user.c.video_id == jobs.c.video_id,
        _of_user.c.language == jobs.c.language,
        _of_user.c.status.in_(UNDER_WAY),
    ),
)
_MOVE = (
    update(jobs)
    .where(jobs.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_of_user_key = idempotency_keys.alias("of_user")
_DROP_SAME_KEYS = delete(idempotency_keys).where(
    idempotency_keys.c.owner_id == bindparam("owner"),
    exists().where(
        _of_user_key.c.owner_id == bindparam("new_owner"),
        _of_user_key.c.key == idempotency_keys.c.key,
    ),
)
_MOVE_KEYS = (
    update(idempotency_keys)
    .where(idempotency_keys.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)

_CANCEL_OF_OWNER = _CANCEL.where(jobs.c.owner_id == bindparam("owner"))
_OF_OWNER = select(jobs.c.id).where(jobs.c.owner_id == bindparam("owner"))
_DELETE_OF_OWNER = (
    delete(tracks).where(tracks.c.job_id.in_(_OF_OWNER)),
    delete(idempotency_keys).where(idempotency_keys.c.owner_id == bindparam("owner")),
    delete(jobs).where(jobs.c.owner_id == bindparam("owner")),
)

_TRY_KEY = select(
    func.pg_try_advisory_xact_lock(
        func.hashtextextended(bindparam("lock"), 0),
    ).label("locked")
)
KEYS_SINCE = func.now() - func.make_interval(0, 0, 0, 1)
"""Idempotency keys are kept for a day."""
_FIND_KEY = select(idempotency_keys.c.request_hash, idempotency_keys.c.answer).where(
    idempotency_keys.c.owner_id == bindparam("owner"),
    idempotency_keys.c.key == bindparam("key"),
    idempotency_keys.c.created_at > KEYS_SINCE,
)
_new_key = upsert(idempotency_keys)
_ADD_KEY = _new_key.on_conflict_do_update(
    index_elements=[idempotency_keys.c.owner_id, idempotency_keys.c.key],
    set_={name: _new_key.excluded[name] for name in ("request_hash", "job_id", "answer")}
    | {"created_at": func.now()},
)


class Jobs:
    """The jobs of this service."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, job_id: UUID, owner: UserId, type_: str, video_id: UUID, language: str,
                  price: int) -> Job | None:  # fmt: skip
        """Queue a job; None when the same one is under way."""
        row = await self._executor.one(
            _ADD,
            {
                "id": job_id,
                "owner_id": owner,
                "type": type_,
                "video_id": video_id,
                "language": language,
                "status": JobStatus.QUEUED,
                "price": price,
            },
        )
        return job_of(row) if row else None

    async def same_under_way(
        self, owner: UserId, type_: str, video_id: UUID, language: str
    ) -> Job | None:
        """The owner's job of this kind that has not ended."""
        params = {"owner": owner, "type": type_, "video": video_id, "language": language}
        row = await self._executor.one(_SAME, params)
        return job_of(row) if row else None

    async def find(self, owner: UserId, job_id: UUID) -> Job | None:
        """A job of this owner."""
        row = await self._executor.one(_FIND, {"owner": owner, "job": job_id})
        return job_of(row) if row else None

    async def list_of(
        self, owner: UserId, limit: int, after: UUID | None, status: JobStatus | None
    ) -> list[Job]:
        """Jobs of this owner, newest first, older than the job `after`."""
        statement: Select[Any] = _LIST
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            statement = statement.where(jobs.c.id < bindparam("after"))
            params["after"] = after
        if status is not None:
            statement = statement.where(jobs.c.status == bindparam("status"))
            params["status"] = status
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
        """Delete all jobs of `owner` with their tracks and keys; their holds have gone before."""
        for statement in _DELETE_OF_OWNER:
            await self._executor.run(statement, {"owner": owner})

    async def lock_all_of(self, owner: UserId) -> None:
        """Let nobody else write a job of `owner` until the transaction ends."""
        await self._executor.all(_LOCK_OF, {"owner": owner})

    async def cancel_same(self, owner: UserId, new_owner: UserId) -> list[Job]:
        """Cancel each job under way of `owner` that `new_owner` has under way, too; these."""
        params = {"owner": owner, "new_owner": new_owner}
        return [job_of(row) for row in await self._executor.all(_CANCEL_SAME, params)]

    async def move(self, owner: UserId, new_owner: UserId) -> int:
        """Give all jobs of `owner`, and the answers to their keys, to another; how many jobs.

        Leases and fencing tokens stay: whoever works on a job goes on. Of two equal keys that of
        `new_owner` stays.
        """
        params = {"owner": owner, "new_owner": new_owner}
        await self._executor.run(_DROP_SAME_KEYS, params)
        await self._executor.run(_MOVE_KEYS, params)
        return await self._executor.run(_MOVE, params)

    async def lock_key(self, owner: UserId, key: str) -> bool:
        """Take the lock of an idempotency key until the transaction ends; False when taken."""
        row = await self._executor.one(_TRY_KEY, {"lock": f"{owner}:{key}"})
        return row is not None and bool(row.locked)

    async def answered(self, owner: UserId, key: str) -> tuple[bytes, bytes] | None:
        """The request hash and the stored answer of a key used in the last 24 hours."""
        row = await self._executor.one(_FIND_KEY, {"owner": owner, "key": key})
        return (row.request_hash, row.answer) if row else None

    async def remember_answer(
        self, owner: UserId, key: str, request_hash: bytes, job_id: UUID, answer: bytes
    ) -> None:
        """Store what a key was answered."""
        await self._executor.run(
            _ADD_KEY,
            {
                "owner_id": owner,
                "key": key,
                "request_hash": request_hash,
                "job_id": job_id,
                "answer": answer,
            },
        )


def job_of(row: Row[Any]) -> Job:
    """A row of `COLUMNS` as a Job."""
    return Job(**{**row._mapping, "status": JobStatus(row.status)})
