"""Giving credits, and taking back what was bought."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from jobs_service.credits.domain import RESERVED, AccountNotFound, Entry, EntryKind
from jobs_service.credits.grants import Grant, Grants, Part, sum_of, take
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import settle_overdue
from jobs_service.idempotency.use_cases import Once
from shared.clock import Clock
from shared.db.aliases import Aliases, OwnerErased
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.security.principal import UserId

USUAL_PRIORITY = 50
_TAKEN_BACK = "credits that were taken back"


class NewGrant(msgspec.Struct, frozen=True):
    """Credits to give, and why. With `expires_at` they end, and `priority` says which of those that
    end are spent first: the lowest."""

    credits: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] = USUAL_PRIORITY


class Given(msgspec.Struct, frozen=True):
    """Credits that have been given."""

    id: UUID
    owner_id: UserId
    grant: NewGrant
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GrantCredits:
    """Give somebody credits by hand; the entry says who did, and why."""

    database: Database
    clock: Clock

    async def __call__(
        self, admin: UserId, owner: UserId, grant: NewGrant, key: str | None
    ) -> Given:
        """What was given, also when it was given before with this key.

        Raises AccountNotFound, Invalid, KeyReused, RequestInProgress.
        """
        self._require_possible(grant)
        async with self.database.transaction() as tx:
            once = Once(admin, key, (owner, grant), Given)
            if known := await once.begin(tx):
                return known
            owner = await _existing(tx, owner)
            given = Given(uuid7(), owner, grant, self.clock.now())
            await grant_credits(tx, owner, given.id, grant, granted_by=admin)
            await once.end(tx, given)
        return given

    def _require_possible(self, grant: NewGrant) -> None:
        errors = []
        if grant.reason in RESERVED:
            errors.append(FieldError("reason", "is one that only the system gives; say it anew"))
        if not grant.reason.isprintable() or not grant.reason.strip():
            errors.append(FieldError("reason", "must consist of printable characters"))
        if grant.expires_at is not None and grant.expires_at <= self.clock.now():
            fault = f"must lie in the future; it is {grant.expires_at.isoformat()}"
            errors.append(FieldError("expires_at", fault))
        if errors:
            raise Invalid(errors=tuple(errors))


async def _existing(tx: Transaction, owner: UserId) -> UserId:
    """Who owns what is given to `owner`, who has an account since they registered."""
    missing = AccountNotFound(f"Nobody with the id {owner} has an account of credits.")
    try:
        found = await Aliases(tx).owner(owner)
    except OwnerErased:
        raise missing from None
    if not await Credits(tx).lock(found):
        raise missing
    return found


async def grant_credits(
    tx: Transaction,
    owner: UserId,
    grant_id: UUID,
    grant: NewGrant,
    *,
    purchase_id: UUID | None = None,
    granted_by: UserId | None = None,
) -> None:
    """Give credits within `tx`."""
    ends = grant.expires_at is not None
    entry = Entry(
        owner, EntryKind.GRANT, grant.credits, 0, grant.reason, None,
        grant.credits if ends else 0, grant_id, purchase_id, granted_by,
    )  # fmt: skip
    await Credits(tx).record(entry)
    if grant.expires_at is not None:
        row = Grant(
            grant_id, grant.credits, grant.credits, grant.priority, grant.expires_at, grant.reason
        )
        await Grants(tx).add(owner, row)


async def take_back(
    tx: Transaction, owner: UserId, amount: int, purchase_id: UUID, reason: str
) -> int:
    """Take back so much, or what is left: never more than there is. How much was taken.

    First of what the purchase gave, then of what does not end, then of all else.
    """
    ledger, grants = Credits(tx), Grants(tx)
    await ledger.open(owner)
    await settle_overdue(tx, owner)
    has, spendable = await ledger.recorded(owner), await grants.spendable(owner)
    own = take([part for part in spendable if part.grant_id == purchase_id], amount)
    taken = min(amount, has.balance)
    lasting = min(taken - sum_of(own), has.balance - has.expiring)
    others = [part for part in spendable if part.grant_id != purchase_id]
    parts = own + take(others, taken - sum_of(own) - lasting)
    await grants.change(parts, -1)
    if taken:
        entry = Entry(
            owner, EntryKind.CLAWBACK, -taken, 0, reason, None, -sum_of(parts), None, purchase_id
        )
        await ledger.record(entry)
    return taken


async def let_lapse(tx: Transaction, owner: UserId, amount: int) -> None:
    """Let so much of what is held lapse when it is given back; the jobs of `owner` are locked."""
    await Grants(tx).let_lapse(owner, amount, _TAKEN_BACK)


async def give_again(
    tx: Transaction, owner: UserId, amount: int, purchase_id: UUID, reason: str
) -> None:
    """Undo a clawback: what it took of credits that end, ends with those of the purchase."""
    ledger, grants = Credits(tx), Grants(tx)
    await ledger.open(owner)
    part = min(amount, await grants.room_of(purchase_id))
    if part:
        await grants.change([Part(purchase_id, part)], 1)
    entry = Entry(owner, EntryKind.CLAWBACK, amount, 0, reason, None, part, None, purchase_id)
    await ledger.record(entry)
    await settle_overdue(tx, owner)
