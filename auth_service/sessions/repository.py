"""Sessions and their refresh tokens in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, insert, select, update

from auth_service.accounts.repository import ACCOUNT, account_of
from auth_service.sessions.domain import REFRESH_TOKEN_LIFETIME, RefreshToken
from auth_service.tables import refresh_tokens, sessions, users
from shared.db.executor import Executor
from shared.security.principal import SessionId, UserId
from shared.security.revocations import REMEMBERED_FOR, Revocation

_BATCH = 5000

_START = insert(sessions)
_ADD_TOKEN = insert(refresh_tokens)
_LOCK_TOKEN = (
    select(
        *ACCOUNT,
        refresh_tokens.c.session_id,
        refresh_tokens.c.expires_at,
        refresh_tokens.c.used_at,
        sessions.c.revoked_at,
    )
    .join_from(refresh_tokens, sessions)
    .join(users)
    .where(refresh_tokens.c.hash == bindparam("token_hash"))
    .with_for_update(of=[refresh_tokens, sessions])
)
_MARK_USED = (
    update(refresh_tokens)
    .where(refresh_tokens.c.hash == bindparam("token_hash"), refresh_tokens.c.used_at.is_(None))
    .values(used_at=bindparam("now"))
)
_REVOKE = (
    update(sessions)
    .where(
        sessions.c.id == bindparam("session"),
        sessions.c.user_id == bindparam("owner"),
        sessions.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"), revoked_because=bindparam("reason"))
)
_REVOKED_SINCE = select(sessions.c.id, sessions.c.revoked_at).where(
    sessions.c.revoked_at > bindparam("since")
)
_OF_TOKEN = (
    select(sessions.c.id)
    .join_from(refresh_tokens, sessions)
    .where(refresh_tokens.c.hash == bindparam("token_hash"))
)
# Rows that a refresh holds are left for the next round, so that the two never wait for each other.
_DELETE_EXPIRED_TOKENS = delete(refresh_tokens).where(
    refresh_tokens.c.hash.in_(
        select(refresh_tokens.c.hash)
        .where(refresh_tokens.c.expires_at < bindparam("now"))
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
)
_DELETE_ENDED_SESSIONS = delete(sessions).where(
    sessions.c.id.in_(
        select(sessions.c.id)
        .where(
            ~exists().where(refresh_tokens.c.session_id == sessions.c.id),
            sessions.c.revoked_at.is_(None) | (sessions.c.revoked_at < bindparam("forgotten")),
        )
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
)


class Sessions:
    """Everybody's sessions."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def start(self, session: SessionId, user: UserId, now: datetime) -> None:
        """Add a session that has no refresh token yet."""
        await self._executor.run(_START, {"id": session, "user_id": user, "created_at": now})

    async def add_token(self, session: SessionId, token_hash: bytes, now: datetime) -> None:
        """Add a refresh token to the family of `session`."""
        row = {
            "hash": token_hash,
            "session_id": session,
            "created_at": now,
            "expires_at": now + REFRESH_TOKEN_LIFETIME,
        }
        await self._executor.run(_ADD_TOKEN, row)

    async def lock_token(self, token_hash: bytes) -> RefreshToken | None:
        """The token of that hash; nobody else can use it until this transaction ends."""
        row = await self._executor.one(_LOCK_TOKEN, {"token_hash": token_hash})
        if row is None:
            return None
        return RefreshToken(
            session_id=row.session_id,
            account=account_of(row),
            expires_at=row.expires_at,
            used_at=row.used_at,
            session_revoked_at=row.revoked_at,
        )

    async def mark_used(self, token_hash: bytes, now: datetime) -> None:
        """Remember the first use of a token; later ones do not prolong its grace."""
        await self._executor.run(_MARK_USED, {"token_hash": token_hash, "now": now})

    async def revoke(self, session: SessionId, owner: UserId, now: datetime, reason: str) -> bool:
        """End a session of `owner`; whether it was under way until now."""
        params = {"session": session, "owner": owner, "now": now, "reason": reason}
        return await self._executor.run(_REVOKE, params) == 1

    async def of_token(self, token_hash: bytes) -> SessionId | None:
        """The session to whose family a refresh token belongs."""
        row = await self._executor.one(_OF_TOKEN, {"token_hash": token_hash})
        return SessionId(row.id) if row else None

    async def revoked_lately(self, now: datetime) -> Sequence[Revocation]:
        """Every session that ended while access tokens of it may still be about."""
        rows = await self._executor.all(_REVOKED_SINCE, {"since": now - REMEMBERED_FOR})
        return [Revocation(row.id, row.revoked_at) for row in rows]

    async def delete_expired_tokens(self, now: datetime) -> int:
        """Delete some refresh tokens whose time is over; how many."""
        return await self._executor.run(_DELETE_EXPIRED_TOKENS, {"now": now})

    async def delete_ended(self, now: datetime) -> int:
        """Delete some sessions that have no token left and need not be refused any more."""
        return await self._executor.run(_DELETE_ENDED_SESSIONS, {"forgotten": now - REMEMBERED_FOR})
