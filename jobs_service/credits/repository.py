"""Accounts, their entries, and the holds between them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Select,
    Uuid,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from jobs_service.credits.checks import Checks
from jobs_service.credits.domain import (
    ALL,
    Balance,
    Entry,
    EntryKind,
    Estate,
    Free,
    Hold,
    RecordedEntry,
    Which,
)
from jobs_service.tables import accounts, entries, grants, holds
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
        expiring=accounts.c.expiring + bindparam("expiring_change"),
    )
    .returning(accounts.c.balance)
)
# for an account whose credits all last, this is the whole price of a hold
_MOVE_PLAIN = _MOVE.where(accounts.c.expiring == 0)
_COPY = insert(accounts).from_select(
    ["owner_id", "balance", "held", "expiring"],
    select(
        bindparam("new_owner", type_=Uuid),
        accounts.c.balance,
        accounts.c.held,
        accounts.c.expiring,
    ).where(accounts.c.owner_id == bindparam("owner")),
)
_DISOWN_ENTRIES = (
    update(entries)
    .where(entries.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_DISOWN_GRANTS = (
    update(grants)
    .where(grants.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_FORGET_GIVER = (
    update(entries).where(entries.c.granted_by == bindparam("owner")).values(granted_by=None)
)
_DELETE_HOLDS = delete(holds).where(holds.c.owner_id == bindparam("owner"))
_DELETE_ACCOUNT = delete(accounts).where(accounts.c.owner_id == bindparam("owner"))
_BALANCE = select(accounts.c.balance, accounts.c.held, accounts.c.expiring).where(
    accounts.c.owner_id == bindparam("owner")
)
_overdue = case(
    (
        accounts.c.expiring > 0,
        select(cast(func.coalesce(func.sum(grants.c.remaining), 0), BigInteger))  # not numeric
        .where(grants.c.owner_id == accounts.c.owner_id)
        .where(grants.c.remaining > 0, grants.c.expires_at <= func.now())
        .correlate(accounts)
        .scalar_subquery(),
    ),
    else_=0,
)
# what is over counts no more, whether or not its entry has been written yet
_SPENDABLE = select(
    (accounts.c.balance - _overdue).label("balance"),
    accounts.c.held,
    (accounts.c.expiring - _overdue).label("expiring"),
).where(accounts.c.owner_id == bindparam("owner"))
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
# of what does not end: what was spent in all, without what grants that end have spent or hold
_SPENT = select(
    func.coalesce(
        -func.sum(entries.c.amount + entries.c.held).filter(entries.c.kind == EntryKind.CAPTURE), 0
    ).label("credits"),
    func.coalesce(-func.sum(entries.c.expiring), 0).label("of_grants"),
).where(
    entries.c.owner_id == bindparam("owner"),
    entries.c.kind.in_((EntryKind.HOLD, EntryKind.CAPTURE, EntryKind.RELEASE)),
)
_HELD_OF_GRANTS = select(func.coalesce(func.sum(holds.c.expiring), 0).label("credits")).where(
    holds.c.owner_id == bindparam("owner"), holds.c.state == "open"
)
_MOVE_HOLDS = (
    update(holds)
    .where(holds.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_ADD = insert(entries)
_HOLD = insert(holds)
_RESOLVE = (
    update(holds)
    .where(holds.c.job_id == bindparam("job"), holds.c.state == "open")
    .values(state=bindparam("new_state"))
    .returning(holds.c.job_id, holds.c.owner_id, holds.c.amount, holds.c.expiring)
)
_LIST = (
    select(*(entries.c[name] for name in RecordedEntry.__struct_fields__))
    .where(entries.c.owner_id == bindparam("owner"))
    .order_by(entries.c.id.desc())
    .limit(bindparam("limit"))
)
# a kind stands in its statement as text, so that the index of the rare ones can serve it
_LIST_OF_KIND = {
    kind: _LIST.where(entries.c.kind == literal_column(f"'{kind}'")) for kind in EntryKind
}


_CLOCKS_DIFFER = timedelta(days=1)
"""Far more than ids and rows, whose times are from two clocks, can be apart."""


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
        await self._executor.run(_FORGET_GIVER, {"owner": owner})
        await self._executor.run(_DISOWN_GRANTS, params)
        await self._executor.run(_DELETE_ACCOUNT, {"owner": owner})

    async def balance(self, owner: UserId) -> Balance:
        """What `owner` can spend and what is held; zeros before the first grant."""
        row = await self._executor.one(_SPENDABLE, {"owner": owner})
        return Balance(row.balance, row.held, row.expiring) if row else Balance(0, 0)

    async def recorded(self, owner: UserId) -> Balance:
        """The sums of the entries of `owner`: with what is over, until that is recorded, too."""
        row = await self._executor.one(_BALANCE, {"owner": owner})
        return Balance(row.balance, row.held, row.expiring) if row else Balance(0, 0)

    async def is_open(self, owner: UserId) -> bool:
        """Whether `owner` has an account."""
        return await self._executor.one(_BALANCE, {"owner": owner}) is not None

    async def lock(self, owner: UserId) -> bool:
        """Keep this account for this transaction; whether there is one."""
        return bool(await self._executor.all(_LOCK, {"owners": [owner]}))

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
        """What `owner` would leave now of what does not end."""
        left = await self.recorded(owner)
        held = await self._executor.one(_HELD_OF_GRANTS, {"owner": owner})
        of_grants = int(held.credits) if held else 0
        row = await self._executor.one(_SPENT, {"owner": owner})
        spent = int(row.credits - (row.of_grants - of_grants)) if row else 0
        free = max(0, await self.given(owner) - spent)
        balance, rest = left.balance - left.expiring, left.held - of_grants
        return Estate(balance, rest, min(free, balance + rest))

    async def move_holds(self, owner: UserId, new_owner: UserId) -> None:
        """Give all holds of `owner` to another; the entries that go with it are recorded apart."""
        await self._executor.run(_MOVE_HOLDS, {"owner": owner, "new_owner": new_owner})

    async def record(self, entry: Entry, *, plain: bool = False) -> bool:
        """Apply `entry` to its account; False, and nothing done, when the balance is too small, or,
        asked to be `plain`, when there are grants that end."""
        if entry.kind is EntryKind.GRANT:
            await self._executor.run(_OPEN, {"owner_id": entry.owner_id})
        row = await self._executor.one(
            _MOVE_PLAIN if plain else _MOVE,
            {
                "owner": entry.owner_id,
                "amount": entry.amount,
                "held_change": entry.held,
                "expiring_change": entry.expiring,
            },
        )
        if row is None:
            return False
        await self._executor.run(
            _ADD, {"id": uuid7(), "balance_after": row.balance, **msgspec.structs.asdict(entry)}
        )
        return True

    async def open_hold(self, hold: Hold, expires_at: datetime) -> None:
        """Remember `hold`; its entry is recorded apart."""
        await self._executor.run(_HOLD, {**msgspec.structs.asdict(hold), "expires_at": expires_at})

    async def resolve_hold(self, job_id: UUID, state: str) -> Hold | None:
        """Close the open hold of a job as `captured` or `released`; None when it is not open."""
        row = await self._executor.one(_RESOLVE, {"job": job_id, "new_state": state})
        return Hold(row.job_id, row.owner_id, row.amount, row.expiring) if row else None

    async def entries_of(
        self, owner: UserId, limit: int, after: UUID | None, which: Which = ALL
    ) -> list[RecordedEntry]:
        """Entries of `owner`, newest first, older than the entry `after`."""
        statement = _LIST if which.kind is None else _LIST_OF_KIND[which.kind]
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            statement = statement.where(entries.c.id < bindparam("after"))
            params["after"] = after
        return await self._listed(_within(statement, params, which), params)

    async def statement_of(
        self, owner: UserId, limit: int, after: UUID | None, which: Which
    ) -> list[RecordedEntry]:
        """Entries of `owner`, oldest first, younger than the entry `after`."""
        statement = _LIST.order_by(None).order_by(entries.c.id)
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            statement = statement.where(entries.c.id > bindparam("after"))
            params["after"] = after
        return await self._listed(_within(statement, params, which), params)

    async def _listed(self, statement: Select[Any], params: dict[str, Any]) -> list[RecordedEntry]:
        rows = await self._executor.all(statement, params)
        return [RecordedEntry(**row._mapping) for row in rows]

    async def unbalanced(self) -> list[UUID]:
        """Owners of whose accounts something is not as it must be."""
        return [fault.owner_id for fault in await Checks(self._executor).faults()]


def _within(statement: Select[Any], params: dict[str, Any], which: Which) -> Select[Any]:
    """Those of the period: their ids hold about the same time, and are what the index is by."""
    if which.since is not None:
        params |= {"since": which.since, "first": _id_at(which.since - _CLOCKS_DIFFER)}
        statement = statement.where(
            entries.c.created_at >= bindparam("since"), entries.c.id >= bindparam("first")
        )
    if which.until is not None:
        params |= {"until": which.until, "last": _id_at(which.until + _CLOCKS_DIFFER)}
        statement = statement.where(
            entries.c.created_at < bindparam("until"), entries.c.id < bindparam("last")
        )
    return statement


def _id_at(moment: datetime) -> UUID:
    """The least id that can have been made at this moment (RFC 9562, 5.7)."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
