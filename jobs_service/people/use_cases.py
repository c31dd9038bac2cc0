"""What becomes of those who are erased."""

from uuid import UUID

from jobs_service.jobs.use_cases import EraseJobs
from jobs_service.videos.repository import Videos
from shared.db.aliases import Aliases
from shared.db.database import Transaction


class EraseOwner:
    """Delete everything of somebody who is no more: jobs with their tracks, known videos."""

    def __init__(self) -> None:
        self._erase_jobs = EraseJobs()

    async def __call__(self, tx: Transaction, owner: UUID) -> None:
        """Within `tx`; what is still on its way for them comes to nothing."""
        for one in await Aliases(tx).erase(owner):
            await self._erase_jobs(tx, one)
            await Videos(tx).forget_of(one)
