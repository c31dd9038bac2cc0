"""All accounts, as administrators look at them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Text, and_, bindparam, exists, func, select, text, update

from auth_service.accounts import handles
from auth_service.accounts.domain import email_key
from auth_service.accounts.repository import ACCOUNT, account_of
from auth_service.administration.domain import AuditFilter, Listed, UserFilter, WaysIn
from auth_service.audit.domain import AuditEntry
from auth_service.tables import api_keys, audit, identities, passkeys, sessions, totp, users
from shared.db.executor import Executor
from shared.security.principal import UserId

_LAST_CHARACTER = "\U0010ffff"
_ONE_AT_A_TIME = 0x6D61_6461_6E67_0002
"""The advisory lock of whoever changes roles: "madang" and a number."""

_LAST_SEEN = (
    select(func.max(sessions.c.last_seen_at))
    .where(sessions.c.user_id == users.c.id)
    .scalar_subquery()
    .label("last_seen_at")
)
_LIST = (
    select(*ACCOUNT, users.c.suspended_because, _LAST_SEEN)
    .order_by(users.c.id.desc())
    .limit(bindparam("limit"))
)
_AFTER = users.c.id < bindparam("after")
_STATES = {
    "active": and_(users.c.suspended_at.is_(None), users.c.deletion_due_at.is_(None)),
    "suspended": users.c.suspended_at.is_not(None),
    "leaving": users.c.deletion_due_at.is_not(None),
    "guest": users.c.guest,
}
STATES = tuple(_STATES)
# These operators compare bytes, as the indexes of the keys do, whatever the locale.
_BEGINS = (
    users.c.email_key.op("~>=~", is_comparison=True)(bindparam("email_from"))
    & users.c.email_key.op("~<~", is_comparison=True)(bindparam("email_to"))
) | (
    users.c.handle_key.op("~>=~", is_comparison=True)(bindparam("handle_from"))
    & users.c.handle_key.op("~<~", is_comparison=True)(bindparam("handle_to"))
)
# The index holds those with roles alone, and is found only when a query says so.
_HAS_ANY_ROLE = users.c.roles != text("'{}'")
_HAS_ROLE = and_(
    _HAS_ANY_ROLE,
    users.c.roles.op("@>", is_comparison=True)(bindparam("wanted_roles", type_=ARRAY(Text))),
)

_ONE = select(*ACCOUNT, users.c.suspended_because, _LAST_SEEN).where(users.c.id == bindparam("id"))
_UNDER_WAY = and_(
    sessions.c.user_id == bindparam("id"),
    sessions.c.revoked_at.is_(None),
    sessions.c.expires_at > bindparam("now"),
)
_WAYS_IN = select(
    users.c.password_hash.is_not(None).label("password"),
    exists().where(totp.c.user_id == users.c.id, totp.c.confirmed_at.is_not(None)).label("totp"),
    select(func.count()).where(passkeys.c.user_id == users.c.id).scalar_subquery().label("keys"),
    select(func.array_agg(identities.c.provider))
    .where(identities.c.user_id == users.c.id)
    .scalar_subquery()
    .label("providers"),
    select(func.count())
    .where(api_keys.c.user_id == users.c.id, api_keys.c.revoked_at.is_(None))
    .scalar_subquery()
    .label("api_keys"),
    select(func.count()).where(_UNDER_WAY).scalar_subquery().label("sessions"),
).where(users.c.id == bindparam("id"))

_SUSPEND = (
    update(users)
    .where(users.c.id == bindparam("user"), users.c.suspended_at.is_(None))
    .values(suspended_at=bindparam("now"), suspended_because=bindparam("reason"))
)
_UNSUSPEND = (
    update(users)
    .where(users.c.id == bindparam("user"), users.c.suspended_at.is_not(None))
    .values(suspended_at=None, suspended_because=None)
)
_SET_ROLES = (
    update(users)
    .where(users.c.id == bindparam("user"))
    .values(roles=bindparam("new_roles"), revision=users.c.revision + 1)
)
_LOCK_ROLES = select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME))
_OTHER_ADMIN = select(users.c.id).where(
    _HAS_ROLE,
    users.c.id != bindparam("user"),
    users.c.suspended_at.is_(None),
    users.c.deletion_due_at.is_(None),
)
_KEYS_OF = select(api_keys.c.id).where(
    api_keys.c.user_id == bindparam("user"), api_keys.c.revoked_at.is_(None)
)

_ENTRIES = select(audit).order_by(audit.c.id.desc()).limit(bindparam("limit"))


class Users:
    """Everybody's accounts."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def list(self, wanted: UserFilter, limit: int, after: UUID | None) -> Sequence[Listed]:
        """Users that fit, newest first, older than the user `after`."""
        statement: Select[Any] = _LIST
        params: dict[str, Any] = {"limit": limit}
        if after is not None:
            statement, params["after"] = statement.where(_AFTER), after
        if wanted.search:
            statement = statement.where(_BEGINS)
            params |= _range("email", email_key(wanted.search))
            params |= _range("handle", handles.key(wanted.search))
        if wanted.status is not None:
            statement = statement.where(_STATES[wanted.status])
        if wanted.role is not None:
            statement, params["wanted_roles"] = statement.where(_HAS_ROLE), [wanted.role]
        return [_listed(row) for row in await self._executor.all(statement, params)]

    async def find(self, user: UserId) -> Listed | None:
        """The user of that id."""
        row = await self._executor.one(_ONE, {"id": user})
        return _listed(row) if row else None

    async def ways_in(self, user: UserId, now: datetime) -> WaysIn | None:
        """How that user can log in."""
        row = await self._executor.one(_WAYS_IN, {"id": user, "now": now})
        if row is None:
            return None
        return WaysIn(
            row.password, row.totp, row.keys, tuple(row.providers or ()), row.api_keys, row.sessions
        )

    async def suspend(self, user: UserId, reason: str, now: datetime) -> bool:
        """Whether the user was not suspended until now. Log-ins under way wait, and then see it."""
        return await self._executor.run(_SUSPEND, {"user": user, "reason": reason, "now": now}) == 1

    async def unsuspend(self, user: UserId) -> bool:
        """Whether the user was suspended until now."""
        return await self._executor.run(_UNSUSPEND, {"user": user}) == 1

    async def lock_roles(self) -> None:
        """Wait until nobody else changes roles, and keep others out until the commit."""
        await self._executor.one(_LOCK_ROLES)

    async def has_admin_besides(self, user: UserId) -> bool:
        """Whether anybody else is an administrator who can log in."""
        params = {"user": user, "wanted_roles": ["admin"]}
        return await self._executor.one(_OTHER_ADMIN, params) is not None

    async def set_roles(self, user: UserId, roles: Sequence[str]) -> None:
        """Give a user these roles and no others."""
        await self._executor.run(_SET_ROLES, {"user": user, "new_roles": list(roles)})

    async def keys_of(self, user: UserId) -> Sequence[UUID]:
        """The ids of a user's API keys."""
        return [row.id for row in await self._executor.all(_KEYS_OF, {"user": user})]

    async def entries(
        self, wanted: AuditFilter, limit: int, after: UUID | None
    ) -> Sequence[AuditEntry]:
        """Entries of the audit log that fit, newest first, older than the entry `after`."""
        statement: Select[Any] = _ENTRIES
        params: dict[str, Any] = {"limit": limit}
        conditions = {
            "subject_id": wanted.subject_id, "actor_id": wanted.actor_id, "action": wanted.action,
        }  # fmt: skip
        for name, value in conditions.items():
            if value is not None:
                statement = statement.where(audit.c[name] == bindparam(f"wanted_{name}"))
                params[f"wanted_{name}"] = value
        if after is not None:
            statement, params["after"] = statement.where(audit.c.id < bindparam("after")), after
        rows = await self._executor.all(statement, params)
        return [AuditEntry(**row._mapping) for row in rows]


def _range(name: str, beginning: str) -> dict[str, str]:
    return {f"{name}_from": beginning, f"{name}_to": beginning + _LAST_CHARACTER}


def _listed(row: Row[Any]) -> Listed:
    return Listed(account_of(row), row.suspended_because, row.last_seen_at)
