"""Passkeys in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.passkeys.domain import Passkey, Used
from auth_service.tables import passkeys
from shared.db.executor import Executor
from shared.security.principal import UserId

_ADD = insert(passkeys).on_conflict_do_nothing().returning(passkeys.c.id)
_OF_USER = select(passkeys).where(passkeys.c.user_id == bindparam("user")).order_by(passkeys.c.id)
_LOCK = (
    select(passkeys).where(passkeys.c.credential_id == bindparam("credential")).with_for_update()
)
_IS_THIS = (passkeys.c.id == bindparam("passkey"), passkeys.c.user_id == bindparam("user"))
_RENAME = update(passkeys).where(*_IS_THIS).values(name=bindparam("new_name")).returning(passkeys)
_REMOVE = delete(passkeys).where(*_IS_THIS)
_USE = (
    update(passkeys)
    .where(*_IS_THIS)
    .values(
        sign_count=bindparam("new_count"),
        backed_up=bindparam("now_backed_up"),
        last_used_at=bindparam("now"),
    )
)


class Passkeys:
    """Everybody's passkeys."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, passkey: Passkey) -> bool:
        """Whether it was added; not when somebody has it already."""
        row = {
            "id": passkey.id,
            "user_id": passkey.user_id,
            "credential_id": passkey.credential_id,
            "public_key": passkey.public_key,
            "sign_count": passkey.sign_count,
            "name": passkey.name,
            "transports": list(passkey.transports),
            "backed_up": passkey.backed_up,
            "created_at": passkey.created_at,
        }
        return await self._executor.one(_ADD, row) is not None

    async def of_user(self, user: UserId) -> Sequence[Passkey]:
        """The passkeys of a user, the oldest first."""
        return [_passkey(row) for row in await self._executor.all(_OF_USER, {"user": user})]

    async def lock(self, credential_id: bytes) -> Passkey | None:
        """The passkey of that credential; nobody else can use it until this transaction ends."""
        row = await self._executor.one(_LOCK, {"credential": credential_id})
        return _passkey(row) if row else None

    async def use(self, passkey: Passkey, used: Used, now: datetime) -> None:
        """Remember what it said of itself."""
        params = {
            "passkey": passkey.id,
            "user": passkey.user_id,
            "new_count": used.sign_count,
            "now_backed_up": used.backed_up,
            "now": now,
        }
        await self._executor.run(_USE, params)

    async def rename(self, passkey: UUID, user: UserId, name: str) -> Passkey | None:
        """Call a passkey of `user` something else."""
        params = {"passkey": passkey, "user": user, "new_name": name}
        row = await self._executor.one(_RENAME, params)
        return _passkey(row) if row else None

    async def remove(self, passkey: UUID, user: UserId) -> bool:
        """Whether that passkey of `user` was there."""
        return await self._executor.run(_REMOVE, {"passkey": passkey, "user": user}) == 1


def _passkey(row: Row[Any]) -> Passkey:
    values = dict(row._mapping)
    return Passkey(**{**values, "transports": tuple(row.transports)})
