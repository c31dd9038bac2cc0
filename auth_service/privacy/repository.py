"""The SQL of deletion and erasure."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, bindparam, case, cast, delete, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import JSONB

from auth_service.exports.domain import archive_key
from auth_service.tables import api_keys, audit, exports, tickets, users
from shared.db.executor import Executor
from shared.security.principal import UserId

_IS_USER = users.c.id == bindparam("user")
_LOCK = select(users.c.avatar).where(_IS_USER).with_for_update()
_DELETE = delete(users).where(_IS_USER)
_ARCHIVES = select(exports.c.id, exports.c.attempts).where(
    exports.c.user_id == bindparam("user"), exports.c.state == "ready"
)
_API_KEYS = select(api_keys.c.id).where(
    api_keys.c.user_id == bindparam("user"), api_keys.c.revoked_at.is_(None)
)
# Tickets that belong to nobody yet may still tell of somebody; there are few of them at any time.
_WITHDRAW_TICKETS = delete(tickets).where(
    tickets.c.user_id.is_(None),
    func.strpos(cast(tickets.c.data, Text), bindparam("id_text")) > 0,
)
_ALLOW_CHANGES = select(func.set_config("madang.erasing", "on", True))
_REFUSE_CHANGES = select(func.set_config("madang.erasing", "off", True))
_was_actor = audit.c.actor_id == bindparam("user")
_was_subject = audit.c.subject_id == bindparam("user")
_PSEUDONYMISE = (
    update(audit)
    .where(_was_actor | _was_subject)
    .values(
        actor_id=case((_was_actor, bindparam("pseudonym")), else_=audit.c.actor_id),
        subject_id=case((_was_subject, bindparam("pseudonym")), else_=audit.c.subject_id),
        address=case((_was_actor, literal("")), else_=audit.c.address),
        user_agent=case((_was_actor, literal("")), else_=audit.c.user_agent),
        details=cast(
            func.replace(
                cast(audit.c.details, Text), bindparam("id_text"), bindparam("pseudonym_text")
            ),
            JSONB,
        ),
    )
)
_ASK = (
    update(users)
    .where(_IS_USER, users.c.deletion_due_at.is_(None))
    .values(deletion_due_at=bindparam("due"))
)
_CANCEL = (
    update(users)
    .where(_IS_USER, users.c.deletion_due_at.is_not(None))
    .values(deletion_due_at=null())
)
_NEXT_DUE = (
    select(users.c.id)
    .where(
        users.c.deletion_due_at <= bindparam("now"),
        users.c.id.not_in(bindparam("but", expanding=True)),
    )
    .order_by(users.c.deletion_due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)


class LastTraces(NamedTuple):
    """What has to go with an account, beside its rows: files by their keys, and API keys."""

    files: Sequence[str]
    api_keys: Sequence[UUID]


class Departures:
    """Those who leave."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def ask(self, user: UserId, due: datetime) -> bool:
        """Whether the account is to be erased at `due`; not when that was asked for before."""
        return await self._executor.run(_ASK, {"user": user, "due": due}) == 1

    async def cancel(self, user: UserId) -> bool:
        """Whether the account was to be erased, and stays."""
        return await self._executor.run(_CANCEL, {"user": user}) == 1

    async def next_due(self, now: datetime, but: Collection[UserId]) -> UserId | None:
        """Somebody whose time has come, for this transaction alone."""
        row = await self._executor.one(_NEXT_DUE, {"now": now, "but": list(but)})
        return UserId(row.id) if row else None

    async def lock(self, user: UserId) -> LastTraces | None:
        """What else there is of the account, which nobody changes until this transaction ends."""
        account = await self._executor.one(_LOCK, {"user": user})
        if account is None:
            return None
        archives = await self._executor.all(_ARCHIVES, {"user": user})
        keys = await self._executor.all(_API_KEYS, {"user": user})
        files = [archive_key(row.id, row.attempts) for row in archives]
        if account.avatar:
            files.append(f"avatars/{account.avatar}")
        return LastTraces(files, [row.id for row in keys])

    async def delete(self, user: UserId) -> None:
        """Delete the account with all that hangs on it."""
        await self._executor.run(_WITHDRAW_TICKETS, {"id_text": str(user)})
        await self._executor.run(_DELETE, {"user": user})

    async def pseudonymise(self, user: UserId, pseudonym: UserId) -> None:
        """Let the audit log tell the same of somebody whom nobody knows."""
        params = {"user": user, "pseudonym": pseudonym}
        texts = {"id_text": str(user), "pseudonym_text": str(pseudonym)}
        await self._executor.one(_ALLOW_CHANGES)
        await self._executor.run(_PSEUDONYMISE, params | texts)
        await self._executor.one(_REFUSE_CHANGES)
