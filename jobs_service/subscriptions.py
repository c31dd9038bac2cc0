"""What this service hears of the others, with its own tolerant copy of their fields."""

from uuid import UUID

import msgspec

from jobs_service.credits.use_cases import GrantWelcomeCredits
from jobs_service.jobs.use_cases import CancelJobsOfVideo
from jobs_service.videos.domain import KnownVideo
from jobs_service.videos.repository import Videos
from shared.db.database import Transaction
from shared.messaging.broker import Subscription
from shared.messaging.inbox import Inbox
from shared.security.principal import UserId


class UserRegistered(msgspec.Struct, frozen=True):
    """auth.user.registered"""

    user_id: UUID


class VideoReady(msgspec.Struct, frozen=True):
    """content.video.ready"""

    video_id: UUID
    owner_id: UUID
    duration_seconds: float
    has_audio: bool
    revision: int


class VideoGone(msgspec.Struct, frozen=True):
    """content.video.deleted and content.video.expired"""

    video_id: UUID
    owner_id: UUID
    revision: int


def subscriptions(inbox: Inbox, grant_welcome: GrantWelcomeCredits) -> tuple[Subscription, ...]:
    """What the HTTP process of this service consumes."""
    cancel_of_video = CancelJobsOfVideo()

    async def welcome(tx: Transaction, event: UserRegistered) -> None:
        await grant_welcome(tx, UserId(event.user_id))

    async def video_ready(tx: Transaction, event: VideoReady) -> None:
        await Videos(tx).save(
            KnownVideo(
                event.video_id,
                UserId(event.owner_id),
                event.duration_seconds,
                event.has_audio,
                True,
                event.revision,
            )
        )

    async def video_gone(tx: Transaction, event: VideoGone) -> None:
        await Videos(tx).save(
            KnownVideo(event.video_id, UserId(event.owner_id), 0, False, False, event.revision)
        )
        await cancel_of_video(tx, event.video_id)

    return (
        inbox.subscription("jobs.welcome-credits", "auth.user.registered", UserRegistered, welcome),
        inbox.subscription("jobs.video-ready", "content.video.ready", VideoReady, video_ready),
        inbox.subscription("jobs.video-deleted", "content.video.deleted", VideoGone, video_gone),
        inbox.subscription("jobs.video-expired", "content.video.expired", VideoGone, video_gone),
    )
