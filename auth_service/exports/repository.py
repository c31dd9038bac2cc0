"""Exports in the database: each change of state is one guarded UPDATE."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.exports.domain import Export, State
from auth_service.tables import exports, users
from shared.db.executor import Executor
from shared.security.principal import UserId

BATCH = 100
_MOST = 100

_COLUMNS = tuple(exports.c[name] for name in Export.__struct_fields__)
_IS_OWNERS = exports.c.user_id == bindparam("user")
_IS_CLAIM = (
    exports.c.id == bindparam("export"),
    exports.c.attempts == bindparam("claim"),
    exports.c.state == State.QUEUED,
)

_LOCK_OWNER = select(users.c.id).where(users.c.id == bindparam("user")).with_for_update()
_ADD = insert(exports).on_conflict_do_nothing().returning(*_COLUMNS)
_COUNT_SINCE = select(
    func.count().label("exports"), func.min(exports.c.created_at).label("first")
).where(_IS_OWNERS, exports.c.created_at > bindparam("since"))
_LIST = select(*_COLUMNS).where(_IS_OWNERS).order_by(exports.c.id.desc()).limit(_MOST)
_FIND = select(*_COLUMNS).where(exports.c.id == bindparam("export"), _IS_OWNERS)
_next = (
    select(exports.c.id)
    .where(exports.c.state == State.QUEUED, exports.c.lease_until <= bindparam("now"))
    .order_by(exports.c.lease_until)
    .limit(1)
    .with_for_update(skip_locked=True)
    .cte("next")
)
_CLAIM = (
    update(exports)
    .where(exports.c.id == _next.c.id)
    .values(attempts=exports.c.attempts + 1, lease_until=bindparam("until"))
    .returning(*_COLUMNS)
)
_HOLD = select(exports.c.id).where(*_IS_CLAIM).with_for_update()
_PROLONG = update(exports).where(*_IS_CLAIM).values(lease_until=bindparam("until"))
_MAKE_READY = (
    update(exports)
    .where(*_IS_CLAIM)
    .values(
        state=State.READY,
        size_bytes=bindparam("size"),
        finished_at=bindparam("now"),
        expires_at=bindparam("expires"),
    )
)
_FAIL = (
    update(exports)
    .where(*_IS_CLAIM)
    .values(state=State.FAILED, reason=bindparam("why"), finished_at=bindparam("now"))
)
_expired = (
    select(exports.c.id)
    .where(exports.c.state == State.READY, exports.c.expires_at <= bindparam("now"))
    .limit(BATCH)
    .with_for_update(skip_locked=True)
    .cte("expired")
)
_EXPIRE = (
    update(exports)
    .where(exports.c.id == _expired.c.id)
    .values(state=State.EXPIRED)
    .returning(*_COLUMNS)
)
_FORGET = delete(exports).where(
    exports.c.state.in_((State.FAILED, State.EXPIRED)), exports.c.finished_at < bindparam("before")
)


class Exports:
    """Everybody's exports; what only its maker may do names the claim."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def lock_owner(self, user: UserId) -> bool:
        """Let nobody else ask for an export of this user meanwhile; False when there is none."""
        return await self._executor.one(_LOCK_OWNER, {"user": user}) is not None

    async def add(self, export_id: UUID, user: UserId, now: datetime) -> Export | None:
        """Queue an export; None while one is under way."""
        row = {
            "id": export_id,
            "user_id": user,
            "state": State.QUEUED,
            "lease_until": now,
            "created_at": now,
        }
        return _export(await self._executor.one(_ADD, row))

    async def since(self, user: UserId, since: datetime) -> tuple[int, datetime | None]:
        """How many exports the user has asked for since then, and when the first of these was."""
        row = await self._executor.one(_COUNT_SINCE, {"user": user, "since": since})
        return (row.exports, row.first) if row else (0, None)

    async def list_of(self, user: UserId) -> list[Export]:
        """The user's exports, newest first."""
        rows = await self._executor.all(_LIST, {"user": user})
        return [found for row in rows if (found := _export(row))]

    async def find(self, user: UserId, export_id: UUID) -> Export | None:
        """An export of this user."""
        return _export(await self._executor.one(_FIND, {"user": user, "export": export_id}))

    async def claim(self, now: datetime, until: datetime) -> Export | None:
        """The next export to make, for whoever asked; nobody else gets it before `until`."""
        return _export(await self._executor.one(_CLAIM, {"now": now, "until": until}))

    async def hold(self, claim: Export) -> bool:
        """Whether the claim is good, and stays so until this transaction ends."""
        return await self._executor.one(_HOLD, _of(claim)) is not None

    async def prolong(self, claim: Export, until: datetime) -> bool:
        """Whether the claim is good still; nobody else makes the export before `until`."""
        return await self._executor.run(_PROLONG, {**_of(claim), "until": until}) == 1

    async def make_ready(self, claim: Export, size: int, now: datetime, expires: datetime) -> bool:
        """Whether the claim was good, and its archive of `size` bytes is the export."""
        params = {**_of(claim), "size": size, "now": now, "expires": expires}
        return await self._executor.run(_MAKE_READY, params) == 1

    async def fail(self, claim: Export, reason: str, now: datetime) -> bool:
        """Give up for good; whether the claim was good."""
        return await self._executor.run(_FAIL, {**_of(claim), "why": reason, "now": now}) == 1

    async def expire_due(self, now: datetime) -> Sequence[Export]:
        """End what was kept long enough, `BATCH` at most; its archives are still there."""
        rows = await self._executor.all(_EXPIRE, {"now": now})
        return [found for row in rows if (found := _export(row))]

    async def forget(self, before: datetime) -> int:
        """Delete what ended before then and has no archive; how many."""
        return await self._executor.run(_FORGET, {"before": before})


def _of(claim: Export) -> dict[str, Any]:
    return {"export": claim.id, "claim": claim.attempts}


def _export(row: Row[Any] | None) -> Export | None:
    return Export(**{**row._mapping, "state": State(row.state)}) if row else None
