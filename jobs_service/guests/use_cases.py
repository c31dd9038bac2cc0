"""What becomes of guests who turn out to be users."""

from jobs_service.jobs.use_cases import AdoptJobs
from jobs_service.tracks.repository import Tracks
from jobs_service.videos.repository import Videos
from shared.db.aliases import Aliases
from shared.db.database import Transaction
from shared.observability.logging import get_logger
from shared.security.principal import UserId

log = get_logger(__name__)


class AdoptGuest:
    """Give everything of a guest's to a user: jobs, tracks, credits, known videos."""

    def __init__(self) -> None:
        self._adopt_jobs = AdoptJobs()

    async def __call__(self, tx: Transaction, guest: UserId, user: UserId) -> None:
        """Within `tx`; what is still on its way for the guest will be the user's, too."""
        await Aliases(tx).add(guest, user)
        await Videos(tx).move(guest, user)
        moved = await self._adopt_jobs(tx, guest, user)
        await Tracks(tx).move(guest, user)
        log.info("guest_adopted", jobs=moved)
