"""Recording that grants are over, for those who do nothing by which it would be."""

from dataclasses import dataclass

from jobs_service.credits.grants import Grants
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import settle_overdue
from shared.db.database import Database
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_SETTLEMENTS = 30.0
"""Balances are right in between, too: whoever reads one leaves out what is over."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SettleOverdue:
    """Record what has expired, an account at a time.

    Safe to run in several processes, since each account is locked.
    """

    database: Database

    async def __call__(self) -> int:
        """How many accounts were settled."""
        settled = 0
        while owners := await Grants(self.database).overdue(_AT_ONCE):
            for owner in owners:
                async with self.database.transaction() as tx:
                    await Credits(tx).lock(owner)
                    await settle_overdue(tx, owner)
            settled += len(owners)
        if settled:
            log.info("grants_expired", accounts=settled)
        return settled
