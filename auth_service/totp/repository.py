"""Authenticator apps in the database."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.tables import totp
from auth_service.totp.domain import Authenticator
from shared.db.executor import Executor
from shared.security.principal import UserId

_PUT = insert(totp)
_BEGIN = (
    _PUT.on_conflict_do_update(
        index_elements=["user_id"],
        set_={
            "sealed_secret": _PUT.excluded.sealed_secret,
            "created_at": _PUT.excluded.created_at,
            "last_step": 0,
        },
        where=totp.c.confirmed_at.is_(None),
    )
).returning(totp.c.user_id)
_IS_THEIRS = totp.c.user_id == bindparam("user")
_FIND = select(
    totp.c.sealed_secret, totp.c.confirmed_at, totp.c.last_step, totp.c.created_at
).where(_IS_THEIRS)
_LOCK = _FIND.with_for_update()
_CONFIRM = (
    update(totp)
    .where(_IS_THEIRS, totp.c.confirmed_at.is_(None))
    .values(confirmed_at=bindparam("now"), last_step=bindparam("step"))
)
_USE = (
    update(totp)
    .where(_IS_THEIRS, totp.c.last_step < bindparam("step"))
    .values(last_step=bindparam("step"))
)
_REMOVE = delete(totp).where(_IS_THEIRS).returning(totp.c.confirmed_at)


class Authenticators:
    """Everybody's authenticator apps, one each."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def begin(self, user: UserId, sealed_secret: bytes, now: datetime) -> bool:
        """Keep a secret until it is confirmed, in place of one that never was.

        False when there is a confirmed one.
        """
        row = {"user_id": user, "sealed_secret": sealed_secret, "created_at": now}
        return await self._executor.one(_BEGIN, row) is not None

    async def find(self, user: UserId) -> Authenticator | None:
        """The app of a user."""
        row = await self._executor.one(_FIND, {"user": user})
        return Authenticator(**row._mapping) if row else None

    async def lock(self, user: UserId) -> Authenticator | None:
        """The same, kept for this transaction."""
        row = await self._executor.one(_LOCK, {"user": user})
        return Authenticator(**row._mapping) if row else None

    async def confirm(self, user: UserId, step: int, now: datetime) -> bool:
        """From now on it counts; whether it did not before."""
        params = {"user": user, "step": step, "now": now}
        return await self._executor.run(_CONFIRM, params) == 1

    async def use(self, user: UserId, step: int) -> bool:
        """Use the code of a step up; whether neither it nor a later one has been used."""
        return await self._executor.run(_USE, {"user": user, "step": step}) == 1

    async def remove(self, user: UserId) -> bool:
        """Whether there was a confirmed one."""
        row = await self._executor.one(_REMOVE, {"user": user})
        return row is not None and row.confirmed_at is not None
