"""What must be refused while access tokens of it may be about, in the database."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from auth_service.events import SessionRevoked
from auth_service.tables import revocations
from shared.db.database import Transaction
from shared.db.executor import Executor
from shared.security.principal import UserId
from shared.security.revocations import REMEMBERED_FOR, Revocation

_ADD = insert(revocations).on_conflict_do_nothing()
_SINCE = select(revocations.c.session_id, revocations.c.revoked_at).where(
    revocations.c.revoked_at > bindparam("since")
)
_FORGET = delete(revocations).where(revocations.c.revoked_at <= bindparam("since"))


async def revoke(tx: Transaction, sessions: Sequence[UUID], owner: UserId, now: datetime) -> None:
    """Refuse access tokens of these sessions or API keys of `owner` everywhere, from the commit on.

    This process hears of it as soon as the transaction has committed, the others by event.
    """
    if not sessions:
        return
    await tx.run(_ADD, [{"session_id": one, "revoked_at": now} for one in sessions])
    for one in sessions:
        tx.announce(SessionRevoked(one, owner, now))


async def revoked_lately(executor: Executor, now: datetime) -> Sequence[Revocation]:
    """Everything that was revoked while access tokens of it may still be about."""
    rows = await executor.all(_SINCE, {"since": now - REMEMBERED_FOR})
    return [Revocation(row.session_id, row.revoked_at) for row in rows]


async def forget_old(executor: Executor, now: datetime) -> int:
    """Delete what no access token can be left of; how many."""
    return await executor.run(_FORGET, {"since": now - REMEMBERED_FOR})
