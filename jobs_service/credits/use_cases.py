"""What can be done with credits."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from jobs_service.credits.domain import Entry, EntryKind, Hold, NotEnoughCredits
from jobs_service.credits.repository import Credits
from shared.clock import Clock
from shared.db.database import Transaction
from shared.security.principal import UserId

HOLD_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class GrantWelcomeCredits:
    """Give a new account its first credits, once."""

    amount: int

    async def __call__(self, tx: Transaction, owner: UserId) -> None:
        """Grant within `tx`; a second call for the same owner does nothing."""
        if self.amount and not await Credits(tx).was_granted(owner, "welcome"):
            await Credits(tx).record(Entry(owner, EntryKind.GRANT, self.amount, 0, "welcome"))


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
