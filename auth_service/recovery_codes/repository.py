"""Recovery codes in the database."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update

from auth_service.tables import recovery_codes
from shared.db.executor import Executor
from shared.security.principal import UserId

_IS_THEIRS = recovery_codes.c.user_id == bindparam("user")
_ADD = insert(recovery_codes)
_REMOVE = delete(recovery_codes).where(_IS_THEIRS)
_USE = (
    update(recovery_codes)
    .where(
        _IS_THEIRS,
        recovery_codes.c.hash == bindparam("code_hash"),
        recovery_codes.c.used_at.is_(None),
    )
    .values(used_at=bindparam("now"))
)
_LEFT = select(func.count().label("left")).where(_IS_THEIRS, recovery_codes.c.used_at.is_(None))


class RecoveryCodes:
    """Everybody's recovery codes."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def replace(self, user: UserId, hashes: Iterable[bytes]) -> None:
        """Make these the codes of a user, and no others."""
        await self._executor.run(_REMOVE, {"user": user})
        await self._executor.run(_ADD, [{"user_id": user, "hash": one} for one in hashes])

    async def use(self, user: UserId, code_hash: bytes, now: datetime) -> bool:
        """Use a code up; whether it was one, and unused."""
        params = {"user": user, "code_hash": code_hash, "now": now}
        return await self._executor.run(_USE, params) == 1

    async def left(self, user: UserId) -> int:
        """How many are unused."""
        row = await self._executor.one(_LEFT, {"user": user})
        return int(row.left) if row else 0
