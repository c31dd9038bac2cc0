"""Which integration events users hear live, and whom each is about.

The gateway has its own copy of the fields: what an event gains later reaches clients only when it
is added here.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from gateway.realtime.messages import EventMessage, Message
from shared.messaging.event import Envelope


# without `gc`, since many are kept and none can be part of a cycle
class JobNews(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What happened to a job; `progress` goes from 0 to 1."""

    job_id: UUID
    owner_id: UUID
    job_type: str
    revision: int
    video_id: UUID | None = None
    attempt: int | None = None
    progress: float | None = None
    error_code: str | None = None


class VideoNews(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What happened to a video."""

    video_id: UUID
    owner_id: UUID
    revision: int
    duration_seconds: float | None = None
    has_audio: bool | None = None
    expires_at: datetime | None = None


News = JobNews | VideoNews


HEARD: Mapping[str, type[News]] = {
    "jobs.job.queued": JobNews,
    "jobs.job.started": JobNews,
    "jobs.job.progressed": JobNews,
    "jobs.job.succeeded": JobNews,
    "jobs.job.failed": JobNews,
    "jobs.job.cancelled": JobNews,
    "content.video.ready": VideoNews,
    "content.video.deleted": VideoNews,
    "content.video.expired": VideoNews,
    "content.video.lost": VideoNews,
}


def message_of(envelope: Envelope, heard_at: float) -> tuple[UUID, Message]:
    """The user whom the event is about, and what they are sent.

    Raises `msgspec.ValidationError` when the event lacks what it is to tell.
    """
    news = msgspec.json.decode(envelope.data, type=HEARD[envelope.type])
    event = EventMessage(envelope.id, envelope.type, envelope.time, news)
    return news.owner_id, Message(event, news, heard_at)
