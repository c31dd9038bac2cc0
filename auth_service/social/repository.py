"""Identities in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.social.domain import Identity
from auth_service.tables import identities
from shared.db.executor import Executor
from shared.security.principal import UserId

_IS_THIS = (
    identities.c.provider == bindparam("of_provider"),
    identities.c.subject == bindparam("of_subject"),
)

_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key"), 0)))
_ADD = insert(identities).on_conflict_do_nothing().returning(identities.c.id)
_FIND = select(identities).where(*_IS_THIS)
_USE = (
    update(identities)
    .where(*_IS_THIS)
    .values(last_used_at=bindparam("now"))
    .returning(identities.c.user_id)
)
_OF_USER = (
    select(identities).where(identities.c.user_id == bindparam("user")).order_by(identities.c.id)
)
_REMOVE = (
    delete(identities)
    .where(identities.c.id == bindparam("identity"), identities.c.user_id == bindparam("user"))
    .returning(identities.c.provider)
)
_REMOVE_ALL = (
    delete(identities)
    .where(identities.c.user_id == bindparam("user"))
    .returning(identities.c.provider)
)


class Identities:
    """All accounts at providers that are linked to users."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def lock(self, provider: str, subject: str) -> None:
        """Until the commit, nobody else makes an account for this one at the provider."""
        await self._executor.one(_LOCK, {"key": f"{provider}\n{subject}"})

    async def use(self, provider: str, subject: str, now: datetime) -> UserId | None:
        """The user who has just logged in by it."""
        row = await self._executor.one(_USE, {**_this(provider, subject), "now": now})
        return UserId(row.user_id) if row else None

    async def add(self, identity: Identity) -> bool:
        """Whether it was added; not when it is linked already, or its user has another one at the
        same provider."""
        return await self._executor.one(_ADD, msgspec.structs.asdict(identity)) is not None

    async def find(self, provider: str, subject: str) -> Identity | None:
        """The one of that provider and subject."""
        row = await self._executor.one(_FIND, _this(provider, subject))
        return _identity(row) if row else None

    async def of_user(self, user: UserId) -> Sequence[Identity]:
        """All of a user, the oldest first."""
        return [_identity(row) for row in await self._executor.all(_OF_USER, {"user": user})]

    async def remove(self, identity: UUID, user: UserId) -> str | None:
        """Remove one of a user's; its provider, or None when there is no such one."""
        row = await self._executor.one(_REMOVE, {"identity": identity, "user": user})
        return row.provider if row else None

    async def remove_all(self, user: UserId) -> Sequence[str]:
        """Remove all of a user; their providers."""
        return [row.provider for row in await self._executor.all(_REMOVE_ALL, {"user": user})]


def _this(provider: str, subject: str) -> dict[str, Any]:
    return {"of_provider": provider, "of_subject": subject}


def _identity(row: Row[Any]) -> Identity:
    return Identity(
        row.id,
        UserId(row.user_id),
        row.provider,
        row.subject,
        row.email,
        row.created_at,
        row.last_used_at,
    )
