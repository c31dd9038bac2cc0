"""What this service hears of the others, with its own tolerant copy of their fields."""

from uuid import UUID

import msgspec

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


def subscriptions(inbox: Inbox, erase_owner: EraseOwner) -> tuple[Subscription, ...]:
    """What the process of this service consumes."""
    adopt_videos = AdoptVideos()

    async def guest_upgraded(tx: Transaction, event: GuestUpgraded) -> None:
        if event.guest_id != event.user_id:  # who registers stays who they are
            try:
                await adopt_videos(tx, event.guest_id, event.user_id)
            except OwnerErased:  # the news overtook each other
                await erase_owner(tx, event.guest_id)

    async def user_deleted(tx: Transaction, event: UserDeleted) -> None:
        await erase_owner(tx, event.user_id)

    return (
        inbox.subscription(
            "content.guest-upgraded", "auth.guest.upgraded", GuestUpgraded, guest_upgraded
        ),
        inbox.subscription("content.user-deleted", "auth.user.deleted", UserDeleted, user_deleted),
    )
