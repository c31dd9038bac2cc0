"""Idempotency keys of the last 24 hours, each with a hash of its request and the answer."""

from sqlalchemy import bindparam, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from jobs_service.tables import idempotency_keys
from shared.db.executor import Executor
from shared.security.principal import UserId

_SINCE = func.now() - func.make_interval(0, 0, 0, 1)
KEY_IS_FREE = "pg_try_advisory_xact_lock(hashtextextended({lock}, 0))"
"""The lock of `IdempotencyKeys.lock` in a statement of one's own, if nobody has it; `lock` is where
it has the name that `lock_of_key` gives."""
_TRY = text(f"SELECT {KEY_IS_FREE.format(lock=':lock')} AS locked")
_FIND = select(idempotency_keys.c.request_hash, idempotency_keys.c.answer).where(
    idempotency_keys.c.owner_id == bindparam("owner"),
    idempotency_keys.c.key == bindparam("key"),
    idempotency_keys.c.created_at > _SINCE,
)
_new = upsert(idempotency_keys)
_ADD = _new.on_conflict_do_update(
    index_elements=[idempotency_keys.c.owner_id, idempotency_keys.c.key],
    set_={name: _new.excluded[name] for name in ("request_hash", "answer")}
    | {"created_at": func.now()},
)
_FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at < _SINCE)
_FORGET_OF = delete(idempotency_keys).where(idempotency_keys.c.owner_id == bindparam("owner"))
_of_user = idempotency_keys.alias("of_user")
_DROP_SAME = delete(idempotency_keys).where(
    idempotency_keys.c.owner_id == bindparam("owner"),
    exists().where(
        _of_user.c.owner_id == bindparam("new_owner"), _of_user.c.key == idempotency_keys.c.key
    ),
)
_MOVE = (
    update(idempotency_keys)
    .where(idempotency_keys.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)


class IdempotencyKeys:
    """The keys of this service; what a key stands for is its owner's alone."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def lock(self, owner: UserId, key: str) -> bool:
        """Take the lock of a key until the transaction ends; False when it is taken."""
        row = await self._executor.one(_TRY, {"lock": lock_of_key(owner, key)})
        return row is not None and bool(row.locked)

    async def find(self, owner: UserId, key: str) -> tuple[bytes, bytes] | None:
        """The request hash and the stored answer of a key."""
        row = await self._executor.one(_FIND, {"owner": owner, "key": key})
        return (row.request_hash, row.answer) if row else None

    async def add(self, owner: UserId, key: str, request_hash: bytes, answer: bytes) -> None:
        """Store what a key was answered."""
        params = {"owner_id": owner, "key": key, "request_hash": request_hash, "answer": answer}
        await self._executor.run(_ADD, params)

    async def move(self, owner: UserId, new_owner: UserId) -> None:
        """Give the keys of `owner` to another; of two equal ones that of `new_owner` stays."""
        params = {"owner": owner, "new_owner": new_owner}
        await self._executor.run(_DROP_SAME, params)
        await self._executor.run(_MOVE, params)

    async def forget_of(self, owner: UserId) -> None:
        """Remove all keys of `owner`."""
        await self._executor.run(_FORGET_OF, {"owner": owner})

    async def forget_old(self) -> int:
        """Remove keys older than 24 hours; how many."""
        return await self._executor.run(_FORGET)


def lock_of_key(owner: UserId, key: str) -> str:
    """The name of the lock of a key."""
    return f"{owner}:{key}"
