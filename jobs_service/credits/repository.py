"""Accounts, their entries, and the holds between them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from jobs_service.credits.domain import Balance, Entry, EntryKind, Hold, RecordedEntry
from jobs_service.tables import accounts, entries, holds
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import UserId

_OPEN = upsert(accounts).values(owner_id=bindparam("owner_id")).on_conflict_do_nothing()
_MOVE = (
    update(accounts)
    .where(accounts.c.owner_id == bindparam("owner"))
    .where(accounts.c.balance + bindparam("amount") >= 0)
    .values(
        balance=accounts.c.balance + bindparam("amount"),
        held=accounts.c.held + bindparam("held_change"),
    )
    .returning(accounts.c.balance)
)
_BALANCE = select(accounts.c.balance, accounts.c.held).where(
    accounts.c.owner_id == bindparam("owner")
)
_WELCOMED = select(literal(1)).where(
    entries.c.owner_id == bindparam("owner"), entries.c.reason == bindparam("reason")
)
_HOLD = insert(holds)
_RESOLVE = (
    update(holds)
    .where(holds.c.job_id == bindparam("job"), holds.c.state == "open")
    .values(state=bindparam("new_state"))
    .returning(holds.c.job_id, holds.c.owner_id, holds.c.amount)
)
_LIST = (
    select(*(entries.c[name] for name in RecordedEntry.__struct_fields__))
    .where(entries.c.owner_id == bindparam("owner"))
    .order_by(entries.c.id.desc())
    .limit(bindparam("limit"))
)
_LIST_AFTER = _LIST.where(entries.c.id < bindparam("after"))
_UNBALANCED = (
    select(accounts.c.owner_id)
    .outerjoin(entries, entries.c.owner_id == accounts.c.owner_id)
    .group_by(accounts.c.owner_id)
    .having(
        (accounts.c.balance != func.coalesce(func.sum(entries.c.amount), 0))
        | (accounts.c.held != func.coalesce(func.sum(entries.c.held), 0))
    )
)
_STRAY_HELD = (
    select(accounts.c.owner_id)
    .outerjoin(holds, (holds.c.owner_id == accounts.c.owner_id) & (holds.c.state == "open"))
    .group_by(accounts.c.owner_id)
    .having(accounts.c.held != func.coalesce(func.sum(holds.c.amount), 0))
)


class Credits:
    """The accounts of this service, in one transaction or for one read."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def balance(self, owner: UserId) -> Balance:
        """What `owner` can spend and what is held; zeros before the first grant."""
        row = await self._executor.one(_BALANCE, {"owner": owner})
        return Balance(row.balance, row.held) if row else Balance(0, 0)

    async def was_granted(self, owner: UserId, reason: str) -> bool:
        """Whether `owner` has an entry of this reason."""
        return await self._executor.one(_WELCOMED, {"owner": owner, "reason": reason}) is not None

    async def record(self, entry: Entry) -> bool:
        """Apply `entry` to its account; False, and nothing done, when the balance is too small."""
        if entry.kind is EntryKind.GRANT:
            await self._executor.run(_OPEN, {"owner_id": entry.owner_id})
        row = await self._executor.one(
            _MOVE,
            {"owner": entry.owner_id, "amount": entry.amount, "held_change": entry.held},
        )
        if row is None:
            return False
        await self._executor.run(
            insert(entries),
            {"id": uuid7(), "balance_after": row.balance, **msgspec.structs.asdict(entry)},
        )
        return True

    async def open_hold(self, hold: Hold, expires_at: datetime) -> None:
        """Remember `hold`; its entry is recorded apart."""
        await self._executor.run(_HOLD, {**msgspec.structs.asdict(hold), "expires_at": expires_at})

    async def resolve_hold(self, job_id: UUID, state: str) -> Hold | None:
        """Close the open hold of a job as `captured` or `released`; None when it is not open."""
        row = await self._executor.one(_RESOLVE, {"job": job_id, "new_state": state})
        return Hold(row.job_id, row.owner_id, row.amount) if row else None

    async def entries_of(
        self, owner: UserId, limit: int, after: UUID | None
    ) -> list[RecordedEntry]:
        """Entries of `owner`, newest first, older than the entry `after`."""
        statement = _LIST if after is None else _LIST_AFTER
        params = {"owner": owner, "limit": limit, **({"after": after} if after else {})}
        rows = await self._executor.all(statement, params)
        return [RecordedEntry(**row._mapping) for row in rows]

    async def unbalanced(self) -> Sequence[UUID]:
        """Owners whose account differs from the sum of its entries or of its open holds."""
        rows = [*await self._executor.all(_UNBALANCED), *await self._executor.all(_STRAY_HELD)]
        return [row.owner_id for row in rows]
