"""What can be done with credits."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from jobs_service.credits.domain import (
    ADOPTED,
    ADOPTED_WITH_FREE,
    Entry,
    EntryKind,
    Free,
    Hold,
    NotEnoughCredits,
)
from jobs_service.credits.repository import Credits
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Transaction
from shared.security.principal import UserId

HOLD_LIFETIME = timedelta(hours=24)


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

    Free credits go with the first guest who brings any; those of later ones lapse.
    """
    ledger = Credits(tx)
    await ledger.open(guest, user)
    estate = await ledger.estate(guest)
    with_free = not await ledger.has_entry(user, ADOPTED_WITH_FREE)
    reason = ADOPTED_WITH_FREE if with_free and estate.free else ADOPTED
    settled = estate.settle(with_free=with_free)
    if settled.lapsing:
        await ledger.let_lapse(guest, settled.lapsing)
    await ledger.move_holds(guest, user)
    if settled.lapsed:
        await ledger.record(Entry(guest, EntryKind.LAPSE, -settled.lapsed, 0, reason))
    if settled.balance or settled.held:
        for owner, sign in ((guest, -1), (user, 1)):
            moved = Entry(
                owner, EntryKind.TRANSFER, sign * settled.balance, sign * settled.held, reason
            )
            await ledger.record(moved)


async def hold_credits(tx: Transaction, hold: Hold, clock: Clock) -> None:
    """Reserve the price of a job; raises `NotEnoughCredits`."""
    ledger = Credits(tx)
    entry = Entry(
        hold.owner_id, EntryKind.HOLD, -hold.amount, hold.amount, "job submitted", hold.job_id
    )
    if not await ledger.record(entry):
        balance = (await ledger.balance(hold.owner_id)).balance
        raise NotEnoughCredits(
            f"This costs {hold.amount} credits; the account has {balance} to spend."
        )
    await ledger.open_hold(hold, clock.now() + HOLD_LIFETIME)


async def capture_hold(tx: Transaction, job_id: UUID) -> None:
    """Spend what was held for a job that succeeded."""
    ledger = Credits(tx)
    if hold := await ledger.resolve_hold(job_id, "captured"):
        await ledger.record(hold.capture(hold.amount))


async def release_hold(tx: Transaction, job_id: UUID, reason: str) -> None:
    """Give back what was held for a job that did not succeed."""
    ledger = Credits(tx)
    if hold := await ledger.resolve_hold(job_id, "released"):
        await ledger.record(hold.release(reason))


async def disown_credits(tx: Transaction, owner: UserId) -> None:
    """Keep the account of somebody who is no more as nobody's; its holds have been resolved."""
    await Credits(tx).disown(owner, UserId(uuid4()))
