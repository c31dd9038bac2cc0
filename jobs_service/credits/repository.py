"""Accounts, their entries, and the holds between them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Uuid, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from jobs_service.credits.domain import (
    Balance,
    Entry,
    EntryKind,
    Estate,
    Free,
    Hold,
    RecordedEntry,
    lapsing_of,
)
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
_COPY = insert(accounts).from_select(
    ["owner_id", "balance", "held"],
    select(bindparam("new_owner", type_=Uuid), accounts.c.balance, accounts.c.held).where(
        accounts.c.owner_id == bindparam("owner")
    ),
)
_DISOWN_ENTRIES = (
    update(entries)
    .where(entries.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_DELETE_HOLDS = delete(holds).where(holds.c.owner_id == bindparam("owner"))
_DELETE_ACCOUNT = delete(accounts).where(accounts.c.owner_id == bindparam("owner"))
_BALANCE = select(accounts.c.balance, accounts.c.held).where(
    accounts.c.owner_id == bindparam("owner")
)
_LOCK = (
    select(accounts.c.owner_id)
    .where(accounts.c.owner_id.in_(bindparam("owners", expanding=True)))
    .order_by(accounts.c.owner_id)
    .with_for_update()
)
_HAS_ENTRY = select(literal(1)).where(
    entries.c.owner_id == bindparam("owner"), entries.c.reason == bindparam("reason")
)
_GIVEN = select(func.coalesce(func.sum(entries.c.amount), 0).label("credits")).where(
    entries.c.owner_id == bindparam("owner"),
    entries.c.kind == EntryKind.GRANT,
    entries.c.reason.in_(tuple(Free)),
)
_SPENT = select(
    func.coalesce(-func.sum(entries.c.amount + entries.c.held), 0).label("credits")
).where(entries.c.owner_id == bindparam("owner"), entries.c.kind == EntryKind.CAPTURE)
_MOVE_HOLDS = (
    update(holds)
    .where(holds.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_OPEN_HOLDS = (
    select(holds.c.job_id, holds.c.amount)
    .where(holds.c.owner_id == bindparam("owner"), holds.c.state == "open")
    .order_by(holds.c.job_id)
)
_LET_LAPSE = (
    update(holds).where(holds.c.job_id == bindparam("job")).values(lapsing=bindparam("part"))
)
_HOLD = insert(holds)
_RESOLVE = (
    update(holds)
    .where(holds.c.job_id == bindparam("job"), holds.c.state == "open")
    .values(state=bindparam("new_state"))
    .returning(holds.c.job_id, holds.c.owner_id, holds.c.amount, holds.c.lapsing)
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

    async def disown(self, owner: UserId, nobody: UserId) -> None:
        """Have `nobody` own the account of `owner` with its entries; closed holds are deleted."""
        await self._executor.all(_LOCK, {"owners": [owner]})
        params = {"owner": owner, "new_owner": nobody}
        await self._executor.run(_DELETE_HOLDS, {"owner": owner})
        await self._executor.run(_COPY, params)
        await self._executor.run(_DISOWN_ENTRIES, params)
        await self._executor.run(_DELETE_ACCOUNT, {"owner": owner})

    async def balance(self, owner: UserId) -> Balance:
        """What `owner` can spend and what is held; zeros before the first grant."""
        row = await self._executor.one(_BALANCE, {"owner": owner})
        return Balance(row.balance, row.held) if row else Balance(0, 0)

    async def open(self, *owners: UserId) -> None:
        """Keep these accounts, made where there was none, for this transaction.

        Always in one order, so that two who want the same ones never wait for each other.
        """
        await self._executor.run(_OPEN, [{"owner_id": owner} for owner in sorted(owners)])
        await self._executor.all(_LOCK, {"owners": owners})

    async def has_entry(self, owner: UserId, reason: str) -> bool:
        """Whether `owner` has an entry of this reason."""
        return await self._executor.one(_HAS_ENTRY, {"owner": owner, "reason": reason}) is not None

    async def given(self, owner: UserId) -> int:
        """How many credits `owner` was given for nothing."""
        row = await self._executor.one(_GIVEN, {"owner": owner})
        return int(row.credits) if row else 0

    async def estate(self, owner: UserId) -> Estate:
        """What `owner` would leave now."""
        left = await self.balance(owner)
        row = await self._executor.one(_SPENT, {"owner": owner})
        spent = int(row.credits) if row else 0
        free = max(0, await self.given(owner) - spent)
        return Estate(left.balance, left.held, min(free, left.balance + left.held))

    async def move_holds(self, owner: UserId, new_owner: UserId) -> None:
        """Give all holds of `owner` to another; the entries that go with it are recorded apart."""
        await self._executor.run(_MOVE_HOLDS, {"owner": owner, "new_owner": new_owner})

    async def let_lapse(self, owner: UserId, lapsing: int) -> None:
        """Make that much of what is held of `owner` nobody's, should it be given back."""
        held = await self._executor.all(_OPEN_HOLDS, {"owner": owner})
        parts = lapsing_of((row.amount for row in held), lapsing)
        for row, part in zip(held, parts, strict=True):
            await self._executor.run(_LET_LAPSE, {"job": row.job_id, "part": part})

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
        return Hold(row.job_id, row.owner_id, row.amount, row.lapsing) if row else None

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
