"""Mails in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from auth_service.mail.domain import Template
from auth_service.tables import mails, users
from shared.db.executor import Executor
from shared.security.principal import UserId

BATCH = 8
_PRUNED_AT_A_TIME = 5000

_ADD = insert(mails)
_reader = users.c.id == mails.c.user_id
_CLAIM = (
    update(mails)
    .where(
        mails.c.id.in_(
            select(mails.c.id)
            .where(mails.c.handed_over_at.is_(None), mails.c.due_at <= bindparam("now"))
            .order_by(mails.c.due_at, mails.c.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )
    .values(due_at=bindparam("lease_until"), attempts=mails.c.attempts + 1)
    .returning(
        mails.c.id,
        mails.c.template,
        mails.c.sealed,
        mails.c.attempts,
        mails.c.created_at,
        mails.c.expires_at,
        select(users.c.language).where(_reader).scalar_subquery().label("language"),
        select(users.c.handle).where(_reader).scalar_subquery().label("handle"),
    )
)
_SETTLE = (
    update(mails)
    .where(mails.c.id == bindparam("mail"))
    .values(handed_over_at=bindparam("now"), sealed=b"")
)
_DROP = delete(mails).where(mails.c.id == bindparam("mail"))
# Whoever has claimed it since, after the end of our lease, decides on the next time.
_POSTPONE = (
    update(mails)
    .where(mails.c.id == bindparam("mail"), mails.c.attempts == bindparam("attempt"))
    .values(due_at=bindparam("again_at"))
)
_WRITTEN_TO = select(mails.c.created_at).where(
    mails.c.user_id == bindparam("user"),
    mails.c.created_at > bindparam("since"),
    mails.c.template.in_(bindparam("templates", expanding=True)),
)
_FORGET = delete(mails).where(
    mails.c.id.in_(
        select(mails.c.id)
        .where(mails.c.handed_over_at <= bindparam("before"))
        .limit(_PRUNED_AT_A_TIME)
        .with_for_update(skip_locked=True)
    )
)


class Claimed(NamedTuple):
    """A mail that is ours until the lease ends; `language` and `handle` are those of the user whom
    it concerns, if there is one."""

    id: UUID
    template: str
    sealed: bytes
    attempts: int
    created_at: datetime
    expires_at: datetime
    language: str | None
    handle: str | None


class Mails:
    """What waits for the postman, and what has left within the hour."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(
        self,
        mail: UUID,
        user: UserId | None,
        template: Template,
        sealed: bytes,
        now: datetime,
        lifetime: timedelta,
    ) -> None:
        """Let a mail wait."""
        row = {
            "id": mail,
            "user_id": user,
            "template": template,
            "sealed": sealed,
            "due_at": now,
            "created_at": now,
            "expires_at": now + lifetime,
        }
        await self._executor.run(_ADD, row)

    async def claim(self, now: datetime, lease: timedelta) -> Sequence[Claimed]:
        """Some that are due, the oldest first, which nobody else claims before the lease ends."""
        params = {"now": now, "lease_until": now + lease}
        return [Claimed._make(row) for row in await self._executor.all(_CLAIM, params)]

    async def settle(self, mail: UUID, now: datetime) -> None:
        """A mail has been handed over: forget what it said."""
        await self._executor.run(_SETTLE, {"mail": mail, "now": now})

    async def drop(self, mail: UUID) -> None:
        """Give up a mail."""
        await self._executor.run(_DROP, {"mail": mail})

    async def postpone(self, mail: Claimed, again_at: datetime) -> None:
        """Try a mail again later."""
        params = {"mail": mail.id, "attempt": mail.attempts, "again_at": again_at}
        await self._executor.run(_POSTPONE, params)

    async def written_to(
        self, user: UserId, templates: Sequence[Template], since: datetime
    ) -> Sequence[datetime]:
        """When letters of these kinds were written to `user`."""
        params = {"user": user, "since": since, "templates": list(templates)}
        return [row.created_at for row in await self._executor.all(_WRITTEN_TO, params)]

    async def forget(self, before: datetime) -> int:
        """Delete some that were handed over before that; how many."""
        return await self._executor.run(_FORGET, {"before": before})
