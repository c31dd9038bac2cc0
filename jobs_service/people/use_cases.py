"""What becomes of those who are erased."""

from uuid import UUID, uuid4

from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import EraseJobs
from jobs_service.payments.use_cases import disown_purchases
from jobs_service.tracks.repository import Tracks
from jobs_service.videos.repository import Videos
from jobs_service.webhooks.use_cases import erase_webhooks
from shared.db.aliases import Aliases
from shared.db.database import Transaction
from shared.security.principal import UserId


class EraseOwner:
    """Delete everything of somebody who is no more: jobs, tracks, webhooks, known videos."""

    def __init__(self) -> None:
        self._erase_jobs = EraseJobs()

    async def __call__(self, tx: Transaction, owner: UUID) -> None:
        """Within `tx`; what is still on its way for them comes to nothing."""
        everybody = await Aliases(tx).erase(owner)
        for one in everybody:
            nobody = UserId(uuid4())
            # before jobs and accounts, as who settles a purchase does
            await disown_purchases(tx, one, nobody)
            await self._erase_jobs(tx, one, nobody)
            await erase_webhooks(tx, one)
            await Tracks(tx).delete_of(one)
            await Videos(tx).forget_of(one)
        await Jobs(tx).lock_lanes(everybody)
