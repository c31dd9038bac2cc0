"""Which integration events users hear live, and whom each is about.

The gateway has its own copy of the fields: what an event gains later reaches clients only when it
is added here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from gateway.realtime.messages import EventMessage, Message
from shared.messaging.event import Envelope


class JobNews(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened to a job; `progress` goes from 0 to 1."""

    job_id: UUID
    owner_id: UUID
    job_type: str
    video_id: UUID
    revision: int
    attempt: int | None = None
    progress: float | None = None
    error_code: str | None = None


class VideoNews(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened to a video."""

    video_id: UUID
    owner_id: UUID
    revision: int
    duration_seconds: float | None = None
    has_audio: bool | None = None
    expires_at: datetime | None = None


News = JobNews | VideoNews


@dataclass(frozen=True, slots=True)
class Kind:
    """The fields of an event, and which of them names the user who hears it."""

    news: type[News]
    user: str = "owner_id"


_JOB, _VIDEO = Kind(JobNews), Kind(VideoNews)
HEARD: Mapping[str, Kind] = {
    "jobs.job.queued": _JOB,
    "jobs.job.started": _JOB,
    "jobs.job.progressed": _JOB,
    "jobs.job.succeeded": _JOB,
    "jobs.job.failed": _JOB,
    "jobs.job.cancelled": _JOB,
    "content.video.ready": _VIDEO,
    "content.video.deleted": _VIDEO,
    "content.video.expired": _VIDEO,
}


def message_of(envelope: Envelope, heard_at: float) -> tuple[UUID, Message]:
    """The user whom the event is about, and what they are sent.

    Raises `msgspec.ValidationError` when the event lacks what it is to tell.
    """
    kind = HEARD[envelope.type]
    news = msgspec.json.decode(envelope.data, type=kind.news)
    event = EventMessage(envelope.id, envelope.type, envelope.time, news)
    user: UUID = getattr(news, kind.user)
    return user, Message(event, news, heard_at)
