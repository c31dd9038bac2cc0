"""What this service hears of the others, with its own tolerant copy of their fields."""

from uuid import UUID

import msgspec

from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from jobs_service.guests.use_cases import AdoptGuest
from jobs_service.jobs.use_cases import CancelJobsOfVideo
from jobs_service.people.use_cases import EraseOwner
from jobs_service.videos.domain import KnownVideo
from jobs_service.videos.repository import Videos
from shared.db.aliases import Aliases, OwnerErased
from shared.db.database import Transaction
from shared.messaging.broker import Subscription
from shared.messaging.inbox import Inbox
from shared.security.principal import UserId


class UserRegistered(msgspec.Struct, frozen=True):
    """auth.user.registered"""

    user_id: UUID


class GuestCreated(msgspec.Struct, frozen=True):
    """auth.guest.created"""

    user_id: UUID


class GuestUpgraded(msgspec.Struct, frozen=True):
    """auth.guest.upgraded"""

    guest_id: UUID
    user_id: UUID


class UserDeleted(msgspec.Struct, frozen=True):
    """auth.user.deleted"""

    user_id: UUID


class VideoReady(msgspec.Struct, frozen=True):
    """content.video.ready"""

    video_id: UUID
    owner_id: UUID
    duration_seconds: float
    has_audio: bool
    revision: int
    has_picture: bool = True


class VideoGone(msgspec.Struct, frozen=True):
    """content.video.deleted, content.video.expired and content.video.lost"""

    video_id: UUID
    owner_id: UUID
    revision: int


def subscriptions(
    inbox: Inbox, grant_welcome: GrantWelcomeCredits, grant_guest: GrantGuestCredits
) -> tuple[Subscription, ...]:
    """What the HTTP process of this service consumes."""
    cancel_of_video, adopt, erase_owner = CancelJobsOfVideo(), AdoptGuest(), EraseOwner()

    async def welcome(tx: Transaction, event: UserRegistered) -> None:
        await grant_welcome(tx, UserId(event.user_id))

    async def guest_created(tx: Transaction, event: GuestCreated) -> None:
        await grant_guest(tx, UserId(event.user_id))

    async def guest_upgraded(tx: Transaction, event: GuestUpgraded) -> None:
        if event.guest_id != event.user_id:  # who registers stays who they are
            try:
                await adopt(tx, UserId(event.guest_id), UserId(event.user_id))
            except OwnerErased:  # the news overtook each other
                await erase_owner(tx, event.guest_id)

    async def user_deleted(tx: Transaction, event: UserDeleted) -> None:
        await erase_owner(tx, event.user_id)

    async def video_ready(tx: Transaction, event: VideoReady) -> None:
        await Videos(tx).save(
            KnownVideo(
                event.video_id,
                await Aliases(tx).owner(event.owner_id),
                event.duration_seconds,
                event.has_audio,
                True,
                event.revision,
                event.has_picture,
            )
        )

    async def video_gone(tx: Transaction, event: VideoGone) -> None:
        owner = await Aliases(tx).owner(event.owner_id)
        await Videos(tx).save(KnownVideo(event.video_id, owner, 0, False, False, event.revision))
        await cancel_of_video(tx, event.video_id)

    return (
        inbox.subscription("jobs.welcome-credits", "auth.user.registered", UserRegistered, welcome),
        inbox.subscription("jobs.guest-credits", "auth.guest.created", GuestCreated, guest_created),
        inbox.subscription(
            "jobs.guest-upgraded", "auth.guest.upgraded", GuestUpgraded, guest_upgraded
        ),
        inbox.subscription("jobs.user-deleted", "auth.user.deleted", UserDeleted, user_deleted),
        inbox.subscription("jobs.video-ready", "content.video.ready", VideoReady, video_ready),
        inbox.subscription("jobs.video-deleted", "content.video.deleted", VideoGone, video_gone),
        inbox.subscription("jobs.video-expired", "content.video.expired", VideoGone, video_gone),
        inbox.subscription("jobs.video-lost", "content.video.lost", VideoGone, video_gone),
    )
