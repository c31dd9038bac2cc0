"""What this service hears of the others, with its own tolerant copy of their fields."""

from uuid import UUID

import msgspec

from content_service.copies.use_cases import DiscardCopy
from content_service.videos.use_cases import AdoptVideos, EraseOwner
from shared.db.aliases import OwnerErased
from shared.db.database import Transaction
from shared.messaging.broker import Subscription
from shared.messaging.inbox import Inbox


class GuestUpgraded(msgspec.Struct, frozen=True):
    """auth.guest.upgraded"""

    guest_id: UUID
    user_id: UUID


class UserDeleted(msgspec.Struct, frozen=True):
    """auth.user.deleted"""

    user_id: UUID


class JobEnded(msgspec.Struct, frozen=True):
    """jobs.job.failed and jobs.job.cancelled"""

    job_id: UUID
    job_type: str


_MAKES_COPIES = "burn_in"


def subscriptions(inbox: Inbox, erase_owner: EraseOwner) -> tuple[Subscription, ...]:
    """What the process of this service consumes."""
    adopt_videos = AdoptVideos()
    discard_copy = DiscardCopy(erase_owner.clock, erase_owner.sweep)

    async def guest_upgraded(tx: Transaction, event: GuestUpgraded) -> None:
        if event.guest_id != event.user_id:  # who registers stays who they are
            try:
                await adopt_videos(tx, event.guest_id, event.user_id)
            except OwnerErased:  # the news overtook each other
                await erase_owner(tx, event.guest_id)

    async def user_deleted(tx: Transaction, event: UserDeleted) -> None:
        await erase_owner(tx, event.user_id)

    async def job_ended(tx: Transaction, event: JobEnded) -> None:
        if event.job_type == _MAKES_COPIES:
            await discard_copy(tx, event.job_id)

    return (
        inbox.subscription(
            "content.guest-upgraded", "auth.guest.upgraded", GuestUpgraded, guest_upgraded
        ),
        inbox.subscription("content.user-deleted", "auth.user.deleted", UserDeleted, user_deleted),
        inbox.subscription("content.job-failed", "jobs.job.failed", JobEnded, job_ended),
        inbox.subscription("content.job-cancelled", "jobs.job.cancelled", JobEnded, job_ended),
    )
