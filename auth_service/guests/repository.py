"""Guests in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, select, update

from auth_service.accounts import handles
from auth_service.accounts.domain import Account, email_key
from auth_service.tables import refresh_tokens, sessions, users
from shared.db.executor import Executor
from shared.security.principal import UserId

BATCH = 500

_OWNER_OF = (
    select(sessions.c.user_id)
    .join_from(refresh_tokens, sessions)
    .where(refresh_tokens.c.hash == bindparam("token_hash"))
)
_REGISTER = (
    update(users)
    .where(users.c.id == bindparam("guest_id"), users.c.guest)
    .values(
        email=bindparam("new_email"),
        email_key=bindparam("new_email_key"),
        handle=bindparam("new_handle"),
        handle_key=bindparam("new_handle_key"),
        handle_skeleton=bindparam("new_skeleton"),
        password_hash=bindparam("new_hash"),
        guest=False,
        revision=users.c.revision + 1,
    )
    .returning(users.c.revision)
)
_is_used = sessions.c.last_seen_at > bindparam("since")
_is_live = (
    sessions.c.revoked_at.is_(None)
    & (sessions.c.expires_at > bindparam("now"))
    & exists().where(
        refresh_tokens.c.session_id == sessions.c.id,
        refresh_tokens.c.expires_at > bindparam("now"),
    )
)
_GONE = (
    select(users.c.id)
    .where(
        users.c.guest,
        users.c.created_at <= bindparam("since"),
        ~exists().where(sessions.c.user_id == users.c.id, _is_used | _is_live),
    )
    .order_by(users.c.id)
    .limit(BATCH)
)
_LOCK_GONE = _GONE.where(users.c.id == bindparam("guest_id")).with_for_update(of=users)


class Guests:
    """Everybody who came in without an account."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def owner_of(self, token_hash: bytes) -> UserId | None:
        """Whose refresh token that is, guest or not."""
        row = await self._executor.one(_OWNER_OF, {"token_hash": token_hash})
        return UserId(row.user_id) if row else None

    async def register(self, account: Account, password_hash: str) -> int | None:
        """Make a guest a registered user; the new revision, or None when they are no guest.

        Raises `IntegrityError` when the e-mail address or the handle is taken.
        """
        params = {
            "guest_id": account.id,
            "new_email": account.email,
            "new_email_key": email_key(account.email or ""),
            "new_handle": account.handle,
            "new_handle_key": handles.key(account.handle),
            "new_skeleton": handles.skeleton(account.handle),
            "new_hash": password_hash,
        }
        row = await self._executor.one(_REGISTER, params)
        return row.revision if row else None

    async def gone(self, since: datetime, now: datetime) -> Sequence[UserId]:
        """Guests who were not seen since then and have no session left, `BATCH` at most."""
        rows = await self._executor.all(_GONE, {"since": since, "now": now})
        return [UserId(row.id) for row in rows]

    async def lock_gone(self, guest: UserId, since: datetime, now: datetime) -> bool:
        """Whether that is still so; until this transaction ends it stays so."""
        params = {"guest_id": guest, "since": since, "now": now}
        return await self._executor.one(_LOCK_GONE, params) is not None
