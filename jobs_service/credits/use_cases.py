"""What can be done with credits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from jobs_service.credits.domain import (
    ADOPTED,
    ADOPTED_WITH_FREE,
    Entry,
    EntryKind,
    Free,
    Hold,
    NotEnoughCredits,
)
from jobs_service.credits.grants import Grants, rest, sum_of, take
from jobs_service.credits.repository import Credits
from shared.db.aliases import Aliases
from shared.db.database import Transaction
from shared.security.principal import UserId

HOLD_LIFETIME = timedelta(hours=24)
_OF_ANOTHER_GUEST = "free credits of another guest"


@dataclass(frozen=True, slots=True)
class GrantWelcomeCredits:
    """Give a new account its first credits, once."""

    amount: int

    async def __call__(self, tx: Transaction, owner: UserId) -> None:
        """Grant within `tx`; a second call for the same owner does nothing.

        What they were given as a guest counts.
        """
        await Aliases(tx).owner(owner)  # nothing for somebody who is erased already
        await _top_up(tx, owner, self.amount, Free.WELCOME)


@dataclass(frozen=True, slots=True)
class GrantGuestCredits:
    """Give a guest a few credits, once."""

    amount: int

    async def __call__(self, tx: Transaction, guest: UserId) -> None:
        """Grant within `tx`; they are the user's if the guest has turned out to be one."""
        owner = await Aliases(tx).owner(guest)
        await _top_up(tx, guest, self.amount, Free.GUEST)
        if owner != guest:
            await transfer_credits(tx, guest, owner)


async def _top_up(tx: Transaction, owner: UserId, amount: int, reason: Free) -> None:
    """Grant what `owner` lacks to have been given `amount` for nothing."""
    ledger = Credits(tx)
    await ledger.open(owner)
    missing = amount - await ledger.given(owner)
    if missing > 0 and not await ledger.has_entry(owner, reason):
        await ledger.record(Entry(owner, EntryKind.GRANT, missing, 0, reason))


async def transfer_credits(tx: Transaction, guest: UserId, user: UserId) -> None:
    """Give what a guest has, and what is held of it, to the user that they turned out to be.

    Free credits go with the first guest who brings any; those of later ones lapse. Grants that end
    go on as they are.
    """
    ledger, grants = Credits(tx), Grants(tx)
    await ledger.open(guest, user)
    await settle_overdue(tx, guest)
    estate = await ledger.estate(guest)
    with_free = not await ledger.has_entry(user, ADOPTED_WITH_FREE)
    reason = ADOPTED_WITH_FREE if with_free and estate.free else ADOPTED
    settled = estate.settle(with_free=with_free)
    await grants.let_lapse(guest, settled.lapsing, _OF_ANOTHER_GUEST)
    await ledger.move_holds(guest, user)
    await grants.move(guest, user)
    if settled.lapsed:
        await ledger.record(Entry(guest, EntryKind.LAPSE, -settled.lapsed, 0, reason))
    left = await ledger.recorded(guest)
    if left.balance or left.held:
        for owner, sign in ((guest, -1), (user, 1)):
            amount, held, expiring = (
                sign * one for one in (left.balance, left.held, left.expiring)
            )
            moved = Entry(owner, EntryKind.TRANSFER, amount, held, reason, expiring=expiring)
            await ledger.record(moved)


async def hold_credits(tx: Transaction, hold: Hold, start: datetime) -> None:
    """Reserve the price of a job that begins at `start` or later; raises `NotEnoughCredits`.

    Where no grant ends, which is the usual account, that is three statements.
    """
    ledger = Credits(tx)
    if not await ledger.record(hold.open(), plain=True):
        hold = await _hold_of_grants(tx, hold)
    await ledger.open_hold(hold, start + HOLD_LIFETIME)
    if hold.expiring:
        # the same as before: nobody else could write the account
        parts = take(await Grants(tx).spendable(hold.owner_id), hold.expiring)
        await Grants(tx).change(parts, -1)
        await Grants(tx).put_into_hold(hold.job_id, parts)


async def _hold_of_grants(tx: Transaction, hold: Hold) -> Hold:
    """The hold, with what of it comes from grants that end: as much as they have."""
    ledger, owner = Credits(tx), hold.owner_id
    await ledger.lock(owner)
    await settle_overdue(tx, owner)
    spendable = await Grants(tx).spendable(owner)
    hold = msgspec.structs.replace(hold, expiring=min(hold.amount, sum_of(spendable)))
    if not await ledger.record(hold.open()):
        balance = (await ledger.balance(owner)).balance
        raise NotEnoughCredits(
            f"This costs {hold.amount} credits; the account has {balance} to spend."
        )
    return hold


async def capture_hold(tx: Transaction, job_id: UUID, spent: int) -> None:
    """Spend so much of what was held for a job that succeeded, and give back the rest."""
    if hold := await Credits(tx).resolve_hold(job_id, "captured"):
        await _resolve(tx, hold, hold.capture(spent), spent)


async def release_hold(tx: Transaction, job_id: UUID, reason: str) -> None:
    """Give back what was held for a job that did not succeed."""
    if hold := await Credits(tx).resolve_hold(job_id, "released"):
        await _resolve(tx, hold, hold.release(reason), 0)


async def _resolve(tx: Transaction, hold: Hold, entry: Entry, spent: int) -> None:
    """Record what became of a hold. What came from grants that end is spent first, and goes back to
    them, where it expires if they are over."""
    ledger, grants = Credits(tx), Grants(tx)
    if not hold.expiring:
        await ledger.record(entry)
        return
    await ledger.lock(hold.owner_id)
    back = rest(await grants.take_out_of_hold(hold.job_id), spent)
    await grants.change(back, 1)
    await ledger.record(msgspec.structs.replace(entry, expiring=sum_of(back)))
    await settle_overdue(tx, hold.owner_id)


async def settle_overdue(tx: Transaction, owner: UserId) -> None:
    """Record that what is left of grants that are over has expired; the account is locked."""
    for over in await Grants(tx).end_overdue(owner):
        expired = Entry(
            owner, EntryKind.EXPIRE, -over.amount, 0, over.reason, None, -over.amount, over.grant_id
        )
        await Credits(tx).record(expired)


async def disown_credits(tx: Transaction, owner: UserId, nobody: UserId) -> None:
    """Keep the account of somebody who is no more as nobody's; its holds have been resolved."""
    await Credits(tx).disown(owner, nobody)
