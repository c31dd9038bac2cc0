"""The start of a session in one statement: most log-ins, which would be seven otherwise."""

from datetime import datetime

import msgspec
from sqlalchemy import Text, bindparam, cast, insert, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from auth_service.audit.domain import Action
from auth_service.device import Device
from auth_service.sessions.domain import Method, SessionLimits
from auth_service.tables import audit, refresh_tokens, sessions, users
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import SessionId, UserId

# Whoever suspends the account or changes its password waits for this lock, or is seen here.
_KEPT = (
    select(users.c.id)
    .where(
        users.c.id == bindparam("user"),
        users.c.suspended_at.is_(None),
        or_(
            bindparam("password_hash", type_=Text).is_(None),
            users.c.password_hash == bindparam("password_hash", type_=Text),
        ),
    )
    .with_for_update(read=True)
    .cte("kept")
)
_SESSION_VALUES = {
    "id": "session",
    "created_at": "now",
    "expires_at": "session_ends",
    "last_seen_at": "now",
    "authenticated_at": "now",
    "methods": "methods",
    "address": "address",
    "user_agent": "user_agent",
}
_SESSION = (
    insert(sessions)
    .from_select(
        ["user_id", *_SESSION_VALUES],
        select(
            _KEPT.c.id,
            *(
                bindparam(value, type_=sessions.c[name].type)
                for name, value in _SESSION_VALUES.items()
            ),
        ),
    )
    .returning(sessions.c.id)
    .cte("session")
)
_TOKEN_VALUES = {"hash": "token_hash", "created_at": "now", "expires_at": "token_ends"}
_TOKEN = (
    insert(refresh_tokens)
    .from_select(
        ["session_id", *_TOKEN_VALUES],
        select(
            _SESSION.c.id,
            *(
                bindparam(value, type_=refresh_tokens.c[name].type)
                for name, value in _TOKEN_VALUES.items()
            ),
        ),
    )
    .cte("token")
)
_AUDIT_VALUES = {
    "id": "entry",
    "at": "now",
    "action": "action",
    "address": "address",
    "user_agent": "user_agent",
}
_NOTED = (
    insert(audit)
    .from_select(
        ["actor_id", "subject_id", "details", *_AUDIT_VALUES],
        select(
            _KEPT.c.id,
            _KEPT.c.id,
            cast(bindparam("details", type_=Text), JSONB),
            *(bindparam(value, type_=audit.c[name].type) for name, value in _AUDIT_VALUES.items()),
        ),
    )
    .cte("noted")
)
_START = select(_SESSION.c.id).add_cte(_TOKEN, _NOTED)


async def start_at_once(
    executor: Executor,
    user: UserId,
    device: Device,
    methods: tuple[Method, ...],
    now: datetime,
    limits: SessionLimits,
    *,
    token_hash: bytes,
    password_hash: str | None,
) -> SessionId | None:
    """A new session with its first refresh token, noted in the audit log.

    None, and nothing done, when the account is suspended or gone, or when another password than
    the one of `password_hash` counts by now.
    """
    params = {
        "user": user,
        "password_hash": password_hash,
        "session": uuid7(),
        "now": now,
        "session_ends": now + limits.age,
        "token_ends": now + min(limits.inactivity, limits.age),
        "methods": list(methods),
        "address": device.address,
        "user_agent": device.user_agent,
        "token_hash": token_hash,
        "entry": uuid7(),
        "action": Action.LOGGED_IN,
        "details": msgspec.json.encode({"methods": methods}).decode(),
    }
    row = await executor.one(_START, params)
    return SessionId(row.id) if row else None
