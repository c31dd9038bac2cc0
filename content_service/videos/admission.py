"""Room for a video, taken at the begin of its upload and corrected at the end, however many begin
at once. What is reserved is the row itself: it counts until it is deleted, or has expired.
"""

from dataclasses import dataclass

from content_service.videos.domain import VideoId
from content_service.videos.limits import Limits, Plan, check_room, check_size
from content_service.videos.repository import Videos
from shared.db.aliases import Aliases
from shared.db.database import Transaction
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class Admission:
    """Lets uploads begin and end within the limits of who sends them."""

    limits: Limits

    def plan_of(self, caller: Principal) -> Plan:
        """The limits that hold for the caller."""
        return self.limits.of(caller)

    async def reserve(
        self, tx: Transaction, caller: Principal, video_id: VideoId, size: int | None
    ) -> UserId:
        """Who will own the new video; nobody else begins one for them until `tx` ends, which
        inserts its row.

        `size` is that of the file, or at least the part of it that is certain. Raises
        `VideoTooLarge`, `TooManyVideos`, `QuotaExceeded`, or `OwnerErased`.
        """
        return await self._room(tx, caller, video_id, size or 0)

    async def correct(
        self, tx: Transaction, caller: Principal, video_id: VideoId, size: int
    ) -> None:
        """Make sure that there is room for a file that has more bytes than were reserved; `tx`
        then writes its size.

        Raises as `reserve` does; whoever called abandons the video.
        """
        await self._room(tx, caller, video_id, size)

    async def _room(
        self, tx: Transaction, caller: Principal, video_id: VideoId, size: int
    ) -> UserId:
        plan = self.plan_of(caller)
        check_size(plan, size)
        owner = await Aliases(tx).owner(caller.id, alone=True)
        check_room(plan, await Videos(tx).used(owner, beside=video_id), size)
        return owner
