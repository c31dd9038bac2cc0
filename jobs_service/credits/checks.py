"""What must always be true of accounts, entries, holds, grants and purchases.

Each check is one statement, which sees one moment of the database: it finds nothing while credits
move, unless something is wrong.
"""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from jobs_service.tables import accounts, entries, grants, hold_parts, holds, jobs, purchases
from shared.db.executor import Executor


def _sum(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)


_ENDED = ("succeeded", "failed", "cancelled")
_OPEN = holds.c.state == "open"
_charge = -(entries.c.amount + entries.c.held)
_CHECKS: dict[str, Select[Any]] = {
    "the account differs from the sum of its entries": (
        select(accounts.c.owner_id)
        .outerjoin(entries, entries.c.owner_id == accounts.c.owner_id)
        .group_by(accounts.c.owner_id)
        .having(
            or_(
                accounts.c.balance != _sum(entries.c.amount),
                accounts.c.held != _sum(entries.c.held),
                accounts.c.expiring != _sum(entries.c.expiring),
            )
        )
    ),
    "what is held differs from the sum of the open holds": (
        select(accounts.c.owner_id)
        .outerjoin(holds, and_(holds.c.owner_id == accounts.c.owner_id, _OPEN))
        .group_by(accounts.c.owner_id)
        .having(accounts.c.held != _sum(holds.c.amount))
    ),
    "what expires differs from what is left of the grants": (
        select(accounts.c.owner_id)
        .outerjoin(grants, grants.c.owner_id == accounts.c.owner_id)
        .group_by(accounts.c.owner_id)
        .having(accounts.c.expiring != _sum(grants.c.remaining))
    ),
    "an open hold differs from its parts": (
        select(holds.c.owner_id)
        .outerjoin(hold_parts, hold_parts.c.job_id == holds.c.job_id)
        .where(_OPEN)
        .group_by(holds.c.job_id, holds.c.owner_id)
        .having(holds.c.expiring != _sum(hold_parts.c.amount))
    ),
    "a hold has outlived its job": (
        select(holds.c.owner_id)
        .join(jobs, jobs.c.id == holds.c.job_id)
        .where(_OPEN, jobs.c.status.in_(_ENDED))
    ),
    "a job that waits or runs has no hold": (
        select(jobs.c.owner_id)
        .outerjoin(holds, and_(holds.c.job_id == jobs.c.id, _OPEN))
        .where(jobs.c.status.not_in(_ENDED), jobs.c.price > 0, holds.c.job_id.is_(None))
    ),
    "a job was charged another price than it tells": (
        select(jobs.c.owner_id)
        .outerjoin(entries, and_(entries.c.job_id == jobs.c.id, entries.c.kind == "capture"))
        .where(jobs.c.status.in_(_ENDED))
        .where(func.coalesce(jobs.c.spent, 0) != func.coalesce(_charge, 0))
    ),
    "a paid purchase differs from its entries": (
        select(purchases.c.owner_id)
        .outerjoin(entries, entries.c.purchase_id == purchases.c.id)
        .where(purchases.c.paid_at.is_not(None))
        .group_by(purchases.c.id, purchases.c.owner_id)
        .having(purchases.c.credits - purchases.c.taken_back != _sum(entries.c.amount))
    ),
}
_COUNT = select(func.count().label("n")).select_from(accounts)


class Fault(msgspec.Struct, frozen=True):
    """Something about the account of `owner_id` that is not as it must be."""

    owner_id: UUID
    what: str


class Checks:
    """The proof that no credit is lost or made."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def accounts(self) -> int:
        """How many there are."""
        row = await self._executor.one(_COUNT)
        return int(row.n) if row else 0

    async def faults(self) -> list[Fault]:
        """Everything that is wrong."""
        return [
            Fault(row.owner_id, what)
            for what, statement in _CHECKS.items()
            for row in await self._executor.all(statement)
        ]
