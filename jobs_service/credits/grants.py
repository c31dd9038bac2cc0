"""Grants that end, and what of them is held: rows and pure rules.

What never ends needs no row here: it is what the account has beyond these, and is spent last. So
an account without such grants is one balance, and a hold of it one update.

All of it is written with the account locked. "Over" is a grant whose end has come; what goes back
to one that is over expires at once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, func, insert, literal_column, select, tuple_, update

from jobs_service.credits.domain import EntryKind, shares
from jobs_service.tables import entries, grants, hold_parts, holds
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import UserId

_MINE = grants.c.owner_id == bindparam("owner")
_IS_OVER = grants.c.expires_at <= func.now()
_ORDER = (grants.c.priority, grants.c.expires_at, grants.c.id)
_SPENDABLE = (
    select(grants.c.id, grants.c.remaining)
    .where(_MINE, grants.c.remaining > 0, ~_IS_OVER)
    .order_by(*_ORDER)
)
_over = (
    select(grants.c.id, grants.c.remaining)
    .where(_MINE, grants.c.remaining > 0, _IS_OVER)
    .with_for_update()
    .cte("over")
)
_END = (
    update(grants)
    .where(grants.c.id == _over.c.id)
    .values(remaining=0)
    .returning(grants.c.id, _over.c.remaining.label("expired"), grants.c.reason)
)
_CHANGE = (
    update(grants)
    .where(grants.c.id == bindparam("which"))
    .values(remaining=grants.c.remaining + bindparam("change"))
)
_OF_HOLD = (
    select(hold_parts.c.grant_id, hold_parts.c.amount)
    .join_from(hold_parts, grants, hold_parts.c.grant_id == grants.c.id)
    .where(hold_parts.c.job_id == bindparam("job"))
    # what would be lost is spent first, and the rest in the order of grants
    .order_by(_IS_OVER.desc(), *_ORDER)
)
_FORGET = delete(hold_parts).where(hold_parts.c.job_id == bindparam("job"))
_FREE_IN_HOLDS = (
    select(holds.c.job_id, (holds.c.amount - holds.c.expiring).label("credits"))
    .where(holds.c.owner_id == bindparam("owner"), holds.c.state == "open")
    .where(holds.c.amount > holds.c.expiring)
    .order_by(holds.c.job_id)
)
_ADD_PART_TO_HOLD = (
    update(holds)
    .where(holds.c.job_id == bindparam("job"))
    .values(expiring=holds.c.expiring + bindparam("part"))
)
_ADD_OVER = insert(grants).values(
    id=bindparam("id"), owner_id=bindparam("owner_id"), amount=bindparam("amount"),
    reason=bindparam("reason"), remaining=0, priority=0, expires_at=func.now(),
)  # fmt: skip
_MOVE = update(grants).where(_MINE).values(owner_id=bindparam("new_owner"))
_COLUMNS = (
    grants.c.id, grants.c.amount, grants.c.remaining, grants.c.priority, grants.c.expires_at,
    grants.c.reason,
)  # fmt: skip
_held_of_it = (
    select(func.coalesce(func.sum(hold_parts.c.amount), 0))
    .where(hold_parts.c.grant_id == grants.c.id)
    .scalar_subquery()
)
_taken_of_such = (
    select(func.coalesce(-func.sum(entries.c.expiring), 0))
    .where(entries.c.owner_id == grants.c.owner_id, entries.c.purchase_id == grants.c.id)
    .where(entries.c.kind == literal_column(f"'{EntryKind.CLAWBACK}'"))
    .scalar_subquery()
)
_ROOM = select(
    func.least(grants.c.amount - grants.c.remaining - _held_of_it, _taken_of_such).label("room")
).where(grants.c.id == bindparam("which"))
_LIST = (
    select(*_COLUMNS)
    .where(_MINE, grants.c.remaining > 0, ~_IS_OVER)
    .order_by(*_ORDER)
    .limit(bindparam("limit"))
)
_LIST_AFTER = _LIST.where(
    tuple_(*_ORDER)
    > tuple_(
        bindparam("priority", type_=grants.c.priority.type),
        bindparam("end", type_=grants.c.expires_at.type),
        bindparam("after", type_=grants.c.id.type),
    )
)
_EVERY = select(*_COLUMNS).where(_MINE).order_by(grants.c.id).limit(bindparam("limit"))
_EVERY_AFTER = _EVERY.where(grants.c.id > bindparam("after"))
_OVERDUE = (
    select(grants.c.owner_id)
    .where(grants.c.remaining > 0, _IS_OVER)
    .group_by(grants.c.owner_id)
    .limit(bindparam("limit"))
)


Position = tuple[int, datetime, UUID]
"""Where a grant stands in the order of spending."""


class Part(msgspec.Struct, frozen=True):
    """So much of a grant, in credits."""

    grant_id: UUID
    amount: int


class Expired(msgspec.Struct, frozen=True):
    """What is left of a grant that is over."""

    grant_id: UUID
    amount: int
    reason: str


class Grant(msgspec.Struct, frozen=True):
    """Credits that end at `expires_at`; of `amount` so much is `remaining`."""

    id: UUID
    amount: int
    remaining: int
    priority: int
    expires_at: datetime
    reason: str


def take(parts: Sequence[Part], total: int) -> list[Part]:
    """Parts of these, in this order, that make `total`, or all there is."""
    taken = shares((part.amount for part in parts), total)
    return [
        Part(part.grant_id, amount) for part, amount in zip(parts, taken, strict=True) if amount
    ]


def rest(parts: Sequence[Part], total: int) -> list[Part]:
    """What `take` leaves."""
    taken = shares((part.amount for part in parts), total)
    return [
        Part(part.grant_id, part.amount - amount)
        for part, amount in zip(parts, taken, strict=True)
        if part.amount > amount
    ]


def sum_of(parts: Iterable[Part]) -> int:
    """All of these together."""
    return sum(part.amount for part in parts)


class Grants:
    """The grants of this service that end."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, owner: UserId, grant: Grant) -> None:
        """A new grant."""
        row = {"owner_id": owner, **msgspec.structs.asdict(grant)}
        await self._executor.run(insert(grants), row)

    async def spendable(self, owner: UserId) -> list[Part]:
        """What is left of each grant of `owner`, in the order in which they are spent."""
        rows = await self._executor.all(_SPENDABLE, {"owner": owner})
        return [Part(row.id, row.remaining) for row in rows]

    async def end_overdue(self, owner: UserId) -> list[Expired]:
        """Leave nothing of what is over; what there was."""
        rows = await self._executor.all(_END, {"owner": owner})
        return [Expired(row.id, row.expired, row.reason) for row in rows]

    async def overdue(self, limit: int) -> list[UserId]:
        """Some whose grants are over."""
        rows = await self._executor.all(_OVERDUE, {"limit": limit})
        return [UserId(row.owner_id) for row in rows]

    async def change(self, parts: Sequence[Part], sign: int) -> None:
        """Add these parts to what is left of their grants, or with -1 take them from it."""
        if parts:
            changes = [{"which": one.grant_id, "change": sign * one.amount} for one in parts]
            await self._executor.run(_CHANGE, changes)

    async def put_into_hold(self, job_id: UUID, parts: Sequence[Part]) -> None:
        """Remember what of a hold comes from where."""
        rows = [{"job_id": job_id, **msgspec.structs.asdict(part)} for part in parts]
        await self._executor.run(insert(hold_parts), rows)

    async def take_out_of_hold(self, job_id: UUID) -> list[Part]:
        """The parts of a hold that is resolved, in the order in which they are spent."""
        rows = await self._executor.all(_OF_HOLD, {"job": job_id})
        await self._executor.run(_FORGET, {"job": job_id})
        return [Part(row.grant_id, row.amount) for row in rows]

    async def let_lapse(self, owner: UserId, total: int, reason: str) -> int:
        """Make that much of what is held of `owner`, or what there is, nobody's should it be given
        back; how much. It becomes a part of a grant that is over.

        Nobody may write holds of `owner` meanwhile: their jobs are locked.
        """
        held = await self._executor.all(_FREE_IN_HOLDS, {"owner": owner})
        found = list(shares((row.credits for row in held), total))
        if not (lapsing := sum(found)):
            return 0
        over = uuid7()
        row = {"id": over, "owner_id": owner, "amount": lapsing, "reason": reason}
        await self._executor.run(_ADD_OVER, row)
        for hold, amount in zip(held, found, strict=True):
            if amount:
                await self.put_into_hold(hold.job_id, [Part(over, amount)])
                params = {"job": hold.job_id, "part": amount}
                await self._executor.run(_ADD_PART_TO_HOLD, params)
        return lapsing

    async def move(self, owner: UserId, new_owner: UserId) -> None:
        """Give all grants of `owner` to another; the entries that go with it are recorded apart."""
        await self._executor.run(_MOVE, {"owner": owner, "new_owner": new_owner})

    async def room_of(self, grant_id: UUID) -> int:
        """How much of what was taken back can go back into the grant of a purchase."""
        row = await self._executor.one(_ROOM, {"which": grant_id})
        return int(row.room) if row else 0

    async def list_of(self, owner: UserId, limit: int, after: Position | None) -> list[Grant]:
        """What `owner` can spend of, the first to be spent first, after that at `after`."""
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            params |= {"priority": after[0], "end": after[1], "after": after[2]}
        rows = await self._executor.all(_LIST_AFTER if after else _LIST, params)
        return [Grant(**row._mapping) for row in rows]

    async def every_one_of(self, owner: UserId, limit: int, after: UUID | None) -> list[Grant]:
        """Those that are over or spent included, the oldest first, after the grant `after`."""
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            params["after"] = after
        rows = await self._executor.all(_EVERY_AFTER if after else _EVERY, params)
        return [Grant(**row._mapping) for row in rows]
