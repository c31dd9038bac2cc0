"""Signing keys in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update

from auth_service.tables import signing_keys
from shared.db.executor import Executor

_ONE_AT_A_TIME = 0x6D61_6461_6E67_0001
"""The advisory lock of whoever makes a key: "madang" and a number."""

_LOCK = select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME))
_ADD = insert(signing_keys)
_UNRETIRED = (
    select(signing_keys.c.kid, signing_keys.c.sealed_private_key, signing_keys.c.signs_from)
    .where(signing_keys.c.retires_at.is_(None) | (signing_keys.c.retires_at > bindparam("now")))
    .order_by(signing_keys.c.signs_from, signing_keys.c.kid)
)
_RETIRE = (
    update(signing_keys)
    .where(
        signing_keys.c.kid != bindparam("kept"),
        signing_keys.c.retires_at.is_(None) | (signing_keys.c.retires_at > bindparam("at")),
    )
    .values(retires_at=bindparam("at"))
    .returning(signing_keys.c.kid)
)
_DELETE_RETIRED = delete(signing_keys).where(signing_keys.c.retires_at < bindparam("before"))


class StoredKey(NamedTuple):
    """A sealed key and the moment from which it signs."""

    kid: str
    sealed: bytes
    signs_from: datetime


class SigningKeys:
    """The keys of this installation."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def lock(self) -> None:
        """Wait until no other process is making a key, and keep others out until the commit."""
        await self._executor.one(_LOCK)

    async def unretired(self, now: datetime) -> Sequence[StoredKey]:
        """The keys whose tokens are accepted, by the time from which they sign."""
        rows = await self._executor.all(_UNRETIRED, {"now": now})
        return [StoredKey(row.kid, row.sealed_private_key, row.signs_from) for row in rows]

    async def add(self, key: StoredKey) -> None:
        """Add a key."""
        await self._executor.run(
            _ADD,
            {"kid": key.kid, "sealed_private_key": key.sealed, "signs_from": key.signs_from},
        )

    async def retire_others(self, kept: str, at: datetime) -> Sequence[str]:
        """Accept the tokens of all keys but `kept` until `at` at most; which keys that concerns."""
        rows = await self._executor.all(_RETIRE, {"kept": kept, "at": at})
        return sorted(row.kid for row in rows)

    async def delete_retired(self, before: datetime) -> int:
        """Delete the keys whose tokens have not been accepted since `before`; how many."""
        return await self._executor.run(_DELETE_RETIRED, {"before": before})
