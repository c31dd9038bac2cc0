"""API keys in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update

from auth_service.api_keys.domain import KEPT_FOR, ApiKey
from auth_service.tables import api_keys, users
from shared.db.executor import Executor
from shared.security.principal import SessionId, UserId

_BATCH = 5000
_KEY = [column for column in api_keys.c if column is not api_keys.c.hash]

_IS_USABLE = (
    api_keys.c.revoked_at.is_(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > bindparam("now")),
)
_COUNT = (
    select(func.count().label("number"))
    .select_from(api_keys)
    .where(api_keys.c.user_id == bindparam("owner"), *_IS_USABLE)
)
_ADD = insert(api_keys)
_LIST = (
    select(*_KEY)
    .where(api_keys.c.user_id == bindparam("owner"))
    .order_by(api_keys.c.id.desc())
    .limit(bindparam("most"))
)
_LIST_AFTER = _LIST.where(api_keys.c.id < bindparam("after"))
_REVOKE = (
    update(api_keys)
    .where(
        api_keys.c.user_id == bindparam("owner"),
        api_keys.c.id == bindparam("key"),
        api_keys.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
_REVOKE_ALL = (
    update(api_keys)
    .where(api_keys.c.user_id == bindparam("owner"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
    .returning(api_keys.c.id)
)
_EXISTS = select(api_keys.c.id).where(
    api_keys.c.user_id == bindparam("owner"), api_keys.c.id == bindparam("key")
)
_BY_HASH = (
    select(*_KEY, users.c.roles, users.c.suspended_at)
    .join_from(api_keys, users)
    .where(api_keys.c.hash == bindparam("token_hash"))
)
_USED = (
    update(api_keys).where(api_keys.c.id == bindparam("key")).values(last_used_at=bindparam("now"))
)
_DELETE_OVER = delete(api_keys).where(
    api_keys.c.id.in_(
        select(api_keys.c.id)
        .where(
            or_(
                api_keys.c.revoked_at < bindparam("before"),
                api_keys.c.expires_at < bindparam("before"),
            )
        )
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
)


class Presented(NamedTuple):
    """A key that somebody has shown, and what matters of its owner."""

    key: ApiKey
    roles: tuple[str, ...]
    suspended: bool


class ApiKeys:
    """Everybody's API keys."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def count_usable(self, owner: UserId, now: datetime) -> int:
        """How many keys of `owner` are neither revoked nor expired."""
        row = await self._executor.one(_COUNT, {"owner": owner, "now": now})
        return int(row.number) if row else 0

    async def add(self, key: ApiKey, token_hash: bytes) -> None:
        """Add a key."""
        row = {
            "id": key.id,
            "user_id": key.owner,
            "name": key.name,
            "prefix": key.prefix,
            "hash": token_hash,
            "scopes": list(key.scopes),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }
        await self._executor.run(_ADD, row)

    async def list_of(self, owner: UserId, most: int, after: UUID | None) -> Sequence[ApiKey]:
        """The keys of `owner`, newest first, those that are over included."""
        params = {"owner": owner, "most": most}
        if after is None:
            rows = await self._executor.all(_LIST, params)
        else:
            rows = await self._executor.all(_LIST_AFTER, {**params, "after": after})
        return [_key_of(row) for row in rows]

    async def revoke(self, owner: UserId, key: SessionId, now: datetime) -> bool:
        """Revoke a key of `owner`; whether it was not revoked before."""
        return await self._executor.run(_REVOKE, {"owner": owner, "key": key, "now": now}) == 1

    async def revoke_all(self, owner: UserId, now: datetime) -> Sequence[SessionId]:
        """Revoke every key of `owner`; which these were."""
        rows = await self._executor.all(_REVOKE_ALL, {"owner": owner, "now": now})
        return [SessionId(row.id) for row in rows]

    async def exists(self, owner: UserId, key: SessionId) -> bool:
        """Whether `owner` has, or had lately, a key of that id."""
        return await self._executor.one(_EXISTS, {"owner": owner, "key": key}) is not None

    async def presented(self, token_hash: bytes) -> Presented | None:
        """The key of that hash, whatever has become of it."""
        row = await self._executor.one(_BY_HASH, {"token_hash": token_hash})
        if row is None:
            return None
        return Presented(_key_of(row), tuple(row.roles), row.suspended_at is not None)

    async def mark_used(self, key: SessionId, now: datetime) -> None:
        """Remember that the key was used."""
        await self._executor.run(_USED, {"key": key, "now": now})

    async def delete_over(self, now: datetime) -> int:
        """Delete some keys that have been over for long; how many."""
        return await self._executor.run(_DELETE_OVER, {"before": now - KEPT_FOR})


def _key_of(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        owner=row.user_id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
