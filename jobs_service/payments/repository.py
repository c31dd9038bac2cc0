"""Purchases."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Row, bindparam, func, insert, or_, select, update

from jobs_service.payments.domain import Checkout, Purchase, PurchaseState
from jobs_service.tables import purchases
from shared.db.executor import Executor
from shared.security.principal import UserId

_COLUMNS = tuple(purchases.c[name] for name in Purchase.__struct_fields__)
_ALL = select(*_COLUMNS)
_ONE = _ALL.where(purchases.c.id == bindparam("purchase"))
_OF_OWNER = _ALL.where(purchases.c.owner_id == bindparam("owner"))
_LIST = _OF_OWNER.order_by(purchases.c.id.desc()).limit(bindparam("limit"))
_LIST_AFTER = _LIST.where(purchases.c.id < bindparam("after"))
# by what the provider calls it; a checkout that was made while we crashed only by our own id
_TOLD = _ALL.where(
    or_(
        purchases.c.reference == bindparam("reference"),
        purchases.c.reference.is_(None) & (purchases.c.id == bindparam("purchase")),
    )
).with_for_update()
_PAID_BY = _ALL.where(
    or_(
        purchases.c.payment == bindparam("payment"),
        purchases.c.payment.is_(None) & (purchases.c.id == bindparam("purchase")),
    )
).with_for_update()
_ADD = insert(purchases).returning(*_COLUMNS)
_OPENED = (
    update(purchases)
    .where(purchases.c.id == bindparam("purchase"))
    .values(reference=bindparam("ref"), checkout_url=bindparam("url"))
    .returning(*_COLUMNS)
)
_DUE = (
    select(purchases.c.id)
    .where(purchases.c.state == PurchaseState.OPEN, purchases.c.provider == bindparam("who"))
    .where(purchases.c.checked_at < func.now() - bindparam("age", type_=Interval))
    .order_by(purchases.c.checked_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(purchases)
    .where(purchases.c.id.in_(_DUE))
    .values(checked_at=func.now())
    .returning(*_COLUMNS)
)
_DISOWN = (
    update(purchases)
    .where(purchases.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("nobody"), checkout_url=None)
)


class Purchases:
    """The purchases of this service."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, new: Mapping[str, Any]) -> Purchase:
        """A new purchase, by column."""
        return _required(await self._executor.one(_ADD, new))

    async def find(self, purchase_id: UUID) -> Purchase | None:
        """A purchase, whoever's."""
        return _purchase(await self._executor.one(_ONE, {"purchase": purchase_id}))

    async def locked(self, purchase_id: UUID) -> Purchase | None:
        """The same, kept for this transaction."""
        row = await self._executor.one(_ONE.with_for_update(), {"purchase": purchase_id})
        return _purchase(row)

    async def opened(self, purchase_id: UUID, checkout: Checkout) -> Purchase:
        """Remember where it is paid."""
        params = {"purchase": purchase_id, "ref": checkout.reference, "url": checkout.url}
        return _required(await self._executor.one(_OPENED, params))

    async def told_of(self, reference: str, purchase_id: UUID | None) -> Purchase | None:
        """The purchase of a checkout, kept for this transaction."""
        params = {"reference": reference, "purchase": purchase_id}
        return _purchase(await self._executor.one(_TOLD, params))

    async def paid_by(self, payment: str, purchase_id: UUID | None) -> Purchase | None:
        """The purchase that a payment was for, kept for this transaction."""
        params = {"payment": payment, "purchase": purchase_id}
        return _purchase(await self._executor.one(_PAID_BY, params))

    async def change(self, purchase_id: UUID, values: Mapping[str, Any]) -> Purchase:
        """Write these columns."""
        statement = (
            update(purchases)
            .where(purchases.c.id == purchase_id)
            .values(dict(values))
            .returning(*_COLUMNS)
        )
        return _required(await self._executor.one(statement))

    async def list_of(self, owner: UserId, limit: int, after: UUID | None) -> list[Purchase]:
        """Purchases of `owner`, newest first, older than the purchase `after`."""
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            params["after"] = after
        rows = await self._executor.all(_LIST_AFTER if after else _LIST, params)
        return [_required(row) for row in rows]

    async def claim_open(self, provider: str, age: timedelta, limit: int) -> list[Purchase]:
        """Open purchases that nobody has looked at for `age`; nobody else gets them meanwhile."""
        params = {"who": provider, "age": age, "limit": limit}
        return [_required(row) for row in await self._executor.all(_CLAIM, params)]

    async def disown(self, owner: UserId, nobody: UserId) -> None:
        """Let `nobody` own the purchases of somebody who is erased: they are accounts."""
        await self._executor.run(_DISOWN, {"owner": owner, "nobody": nobody})


def _purchase(row: Row[Any] | None) -> Purchase | None:
    return None if row is None else _required(row)


def _required(row: Row[Any] | None) -> Purchase:
    if row is None:
        raise LookupError("a statement has written no purchase")
    return Purchase(**{**row._mapping, "state": PurchaseState(row.state)})
