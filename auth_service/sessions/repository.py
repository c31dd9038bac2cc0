"""Sessions and their refresh tokens in the database."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    LargeBinary,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    true,
    update,
)

from auth_service.accounts.domain import Account
from auth_service.accounts.repository import ACCOUNT, account_of
from auth_service.device import Device
from auth_service.sessions.domain import Method, Proof, RefreshToken, Session, SessionLimits
from auth_service.tables import refresh_tokens, sessions, users
from shared.db.executor import Executor
from shared.security.principal import SessionId, UserId

_BATCH = 5000

_START = insert(sessions)
_MOMENT = DateTime(timezone=True)
_TOKEN = ("hash", "session_id", "created_at", "expires_at")
# No token outlives its session.
_ADD_TOKEN = (
    insert(refresh_tokens)
    .from_select(
        _TOKEN,
        select(
            bindparam("token_hash", type_=LargeBinary),
            sessions.c.id,
            bindparam("now", type_=_MOMENT),
            func.least(bindparam("idle_at", type_=_MOMENT), sessions.c.expires_at),
        ).where(sessions.c.id == bindparam("session")),
    )
    .returning(refresh_tokens.c.expires_at)
)
# Whoever changes a session or its tokens locks the session first: nobody waits in a circle, and a
# log-out comes either before a refresh, which then finds no session, or after it, and ends it.
_TOUCHED = (
    update(sessions)
    .where(
        refresh_tokens.c.hash == bindparam("token_hash"),
        refresh_tokens.c.used_at.is_(None),
        refresh_tokens.c.expires_at > bindparam("now", type_=_MOMENT),
        sessions.c.id == refresh_tokens.c.session_id,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now", type_=_MOMENT),
        users.c.id == sessions.c.user_id,
        users.c.suspended_at.is_(None),
    )
    .values(last_seen_at=bindparam("now", type_=_MOMENT), address=bindparam("from_address"))
    .returning(*ACCOUNT, sessions.c.id.label("session_id"), sessions.c.expires_at.label("ends_at"))
    .cte("touched")
)
_USED = (
    update(refresh_tokens)
    .where(
        refresh_tokens.c.hash == bindparam("token_hash"),
        refresh_tokens.c.session_id == _TOUCHED.c.session_id,
        refresh_tokens.c.used_at.is_(None),
    )
    .values(used_at=bindparam("now", type_=_MOMENT))
    .returning(_TOUCHED.c.session_id, _TOUCHED.c.ends_at)
    .cte("used")
)
_ADDED = (
    insert(refresh_tokens)
    .from_select(
        _TOKEN,
        select(
            bindparam("new_hash", type_=LargeBinary),
            _USED.c.session_id,
            bindparam("now", type_=_MOMENT),
            func.least(bindparam("idle_at", type_=_MOMENT), _USED.c.ends_at),
        ),
    )
    .returning(refresh_tokens.c.expires_at)
    .cte("added")
)
_USE_FIRST = select(
    *(_TOUCHED.c[column.name] for column in ACCOUNT), _TOUCHED.c.session_id, _ADDED.c.expires_at
).join_from(_TOUCHED, _ADDED, true())
_LOCK_FAMILY = (
    select(sessions.c.id)
    .join_from(refresh_tokens, sessions)
    .where(refresh_tokens.c.hash == bindparam("token_hash"))
    .with_for_update(of=sessions)
)
_TOKEN_OF_FAMILY = (
    select(
        *ACCOUNT,
        refresh_tokens.c.session_id,
        refresh_tokens.c.expires_at,
        refresh_tokens.c.used_at,
        sessions.c.revoked_at,
        sessions.c.expires_at.label("session_expires_at"),
    )
    .join_from(refresh_tokens, sessions)
    .join(users)
    .where(refresh_tokens.c.hash == bindparam("token_hash"))
)
_MARK_USED = (
    update(refresh_tokens)
    .where(refresh_tokens.c.hash == bindparam("token_hash"), refresh_tokens.c.used_at.is_(None))
    .values(used_at=bindparam("now"))
)
_TOUCH = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"))
    .values(last_seen_at=bindparam("now"), address=bindparam("from_address"))
)
_UNDER_WAY = (
    select(
        sessions.c.id,
        sessions.c.created_at,
        sessions.c.last_seen_at,
        sessions.c.expires_at,
        sessions.c.address,
        sessions.c.user_agent,
        sessions.c.methods,
    )
    .where(
        sessions.c.user_id == bindparam("owner"),
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
        sessions.c.last_seen_at > bindparam("idle_since"),
    )
    .order_by(sessions.c.id.desc())
    .limit(bindparam("count"))
)
_UNDER_WAY_AFTER = _UNDER_WAY.where(sessions.c.id < bindparam("last"))
_END = (
    update(sessions)
    .where(sessions.c.user_id == bindparam("owner"), sessions.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"), revoked_because=bindparam("reason"))
    .returning(sessions.c.id)
)
_END_ONE = _END.where(sessions.c.id == bindparam("session"))
_END_OTHERS = _END.where(sessions.c.id != bindparam("kept"))
_LAST_PROOF = select(sessions.c.authenticated_at, sessions.c.methods).where(
    sessions.c.id == bindparam("session"), sessions.c.revoked_at.is_(None)
)
_AUTHENTICATE = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"), sessions.c.revoked_at.is_(None))
    .values(authenticated_at=bindparam("now"), methods=bindparam("new_methods"))
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
            ~exists().where(refresh_tokens.c.session_id == sessions.c.id)
            | (sessions.c.expires_at < bindparam("now"))
        )
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
)


class Refreshed(NamedTuple):
    """Whose session goes on, and when its new token expires."""

    session: SessionId
    account: Account
    expires_at: datetime


class Sessions:
    """Everybody's sessions."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def start(
        self,
        session: SessionId,
        user: UserId,
        device: Device,
        methods: Iterable[Method],
        now: datetime,
        limits: SessionLimits,
    ) -> None:
        """Add a session that has no refresh token yet."""
        row = {
            "id": session,
            "user_id": user,
            "created_at": now,
            "expires_at": now + limits.age,
            "last_seen_at": now,
            "authenticated_at": now,
            "methods": list(methods),
            "address": device.address,
            "user_agent": device.user_agent,
        }
        await self._executor.run(_START, row)

    async def add_token(
        self, session: SessionId, token_hash: bytes, now: datetime, limits: SessionLimits
    ) -> datetime:
        """Add a refresh token to the family of `session`, which is there; when it expires."""
        params = {
            "token_hash": token_hash,
            "session": session,
            "now": now,
            "idle_at": now + limits.inactivity,
        }
        (added,) = await self._executor.all(_ADD_TOKEN, params)
        expires_at: datetime = added.expires_at
        return expires_at

    async def use_first(
        self,
        token_hash: bytes,
        new_hash: bytes,
        now: datetime,
        limits: SessionLimits,
        address: str,
    ) -> Refreshed | None:
        """Use a good token for the first time, add the next one, and note who was there; None
        where it is anything else, with nothing done."""
        params = {
            "token_hash": token_hash,
            "new_hash": new_hash,
            "now": now,
            "idle_at": now + limits.inactivity,
            "from_address": address,
        }
        row = await self._executor.one(_USE_FIRST, params)
        if row is None:
            return None
        return Refreshed(SessionId(row.session_id), account_of(row), row.expires_at)

    async def lock_token(self, token_hash: bytes) -> RefreshToken | None:
        """The token of that hash; its whole family is ours until this transaction ends."""
        if await self._executor.one(_LOCK_FAMILY, {"token_hash": token_hash}) is None:
            return None
        row = await self._executor.one(_TOKEN_OF_FAMILY, {"token_hash": token_hash})
        if row is None:
            return None
        return RefreshToken(
            session_id=row.session_id,
            account=account_of(row),
            expires_at=row.expires_at,
            session_expires_at=row.session_expires_at,
            used_at=row.used_at,
            session_revoked_at=row.revoked_at,
        )

    async def touch(self, session: SessionId, now: datetime, address: str) -> None:
        """Note that the session was used, and from where."""
        params = {"session": session, "now": now, "from_address": address}
        await self._executor.run(_TOUCH, params)

    async def under_way(
        self, owner: UserId, now: datetime, limits: SessionLimits, after: UUID | None, count: int
    ) -> list[Session]:
        """Up to `count` sessions of `owner`, the newest first, from the one `after` on."""
        params = {"owner": owner, "now": now, "idle_since": now - limits.inactivity, "count": count}
        if after is None:
            rows = await self._executor.all(_UNDER_WAY, params)
        else:
            rows = await self._executor.all(_UNDER_WAY_AFTER, {**params, "last": after})
        return [
            Session(
                id=SessionId(row.id),
                created_at=row.created_at,
                last_seen_at=row.last_seen_at,
                ends_at=min(row.expires_at, row.last_seen_at + limits.inactivity),
                address=row.address,
                user_agent=row.user_agent,
                methods=tuple(row.methods),
            )
            for row in rows
        ]

    async def mark_used(self, token_hash: bytes, now: datetime) -> None:
        """Remember the first use of a token; later ones do not prolong its grace."""
        await self._executor.run(_MARK_USED, {"token_hash": token_hash, "now": now})

    async def end(self, session: SessionId, owner: UserId, now: datetime, reason: str) -> bool:
        """End a session of `owner`; whether it was under way until now."""
        params = {"session": session, "owner": owner, "now": now, "reason": reason}
        return await self._executor.one(_END_ONE, params) is not None

    async def end_all(
        self, owner: UserId, now: datetime, reason: str, kept: SessionId | None
    ) -> Sequence[SessionId]:
        """End every session of `owner` but `kept`; which these were."""
        params = {"owner": owner, "now": now, "reason": reason}
        if kept is None:
            rows = await self._executor.all(_END, params)
        else:
            rows = await self._executor.all(_END_OTHERS, {**params, "kept": kept})
        return [SessionId(row.id) for row in rows]

    async def last_proof(self, session: UUID) -> Proof | None:
        """When and how the user of a session under way last proved who they are."""
        row = await self._executor.one(_LAST_PROOF, {"session": session})
        if row is None:
            return None
        return Proof(row.authenticated_at, tuple(Method(one) for one in row.methods))

    async def authenticate(
        self, session: SessionId, methods: Iterable[Method], now: datetime
    ) -> bool:
        """Remember a new proof of who uses the session; whether it is still under way."""
        params = {"session": session, "new_methods": list(methods), "now": now}
        return await self._executor.run(_AUTHENTICATE, params) == 1

    async def of_token(self, token_hash: bytes) -> SessionId | None:
        """The session to whose family a refresh token belongs."""
        row = await self._executor.one(_OF_TOKEN, {"token_hash": token_hash})
        return SessionId(row.id) if row else None

    async def delete_expired_tokens(self, now: datetime) -> int:
        """Delete some refresh tokens whose time is over; how many."""
        return await self._executor.run(_DELETE_EXPIRED_TOKENS, {"now": now})

    async def delete_ended(self, now: datetime) -> int:
        """Delete some sessions that are over or have no token left."""
        return await self._executor.run(_DELETE_ENDED_SESSIONS, {"now": now})
