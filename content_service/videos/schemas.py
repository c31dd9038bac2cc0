"""What goes over the wire about videos."""

from datetime import UTC, datetime
from typing import Any, Self, cast
from uuid import UUID

import msgspec

from content_service.videos.domain import Reason, Video, VisibleState
from content_service.videos.limits import BUILT_IN, Plan, Used
from content_service.videos.media_types import ACCEPTED
from content_service.videos.upload_form import MAX_TITLE


class VideoView(msgspec.Struct, frozen=True):
    """A video as its owner sees it.

    `reason` tells why it was rejected. What was found in it is known once it is ready: seconds,
    pixels (square ones, as it is shown), frames a second, bits a second of the whole file. A
    recording without a picture has no width, height and poster.
    """

    id: UUID
    title: str
    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    state: VisibleState
    reason: Reason | None
    duration_seconds: float | None
    width: int | None
    height: int | None
    has_audio: bool | None
    video_codec: str | None
    audio_codec: str | None
    frame_rate: float | None
    bit_rate: int | None
    poster_url: str | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, video: Video) -> Self:
        """The view of a video that users may see."""
        code, text = video.reason_code, video.reason_text
        return cls(
            id=video.id,
            title=video.title,
            filename=video.filename,
            content_type=video.content_type,
            size_bytes=video.size_bytes,
            sha256=video.sha256,
            state=cast("VisibleState", video.state),
            reason=Reason(code, text) if code and text else None,
            duration_seconds=video.duration_seconds,
            width=video.width,
            height=video.height,
            has_audio=None if video.duration_seconds is None else video.audio_codec is not None,
            video_codec=video.video_codec,
            audio_codec=video.audio_codec,
            frame_rate=video.frame_rate,
            bit_rate=video.bit_rate,
            poster_url=f"/api/videos/{video.id}/poster" if video.poster else None,
            created_at=video.created_at,
            expires_at=video.expires_at,
        )


EXAMPLE = VideoView(
    id=UUID("01936f2e-4a71-7c3e-9b1d-5f0a6c2e8d11"),
    title="Courtyard concert",
    filename="concert.mp4",
    content_type="video/mp4",
    size_bytes=48_211_034,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    state="ready",
    reason=None,
    duration_seconds=182.48,
    width=1920,
    height=1080,
    has_audio=True,
    video_codec="h264",
    audio_codec="aac",
    frame_rate=29.97,
    bit_rate=2_113_592,
    poster_url="/api/videos/01936f2e-4a71-7c3e-9b1d-5f0a6c2e8d11/poster",
    created_at=datetime(2026, 5, 4, 9, 30, tzinfo=UTC),
    expires_at=datetime(2026, 5, 11, 9, 30, tzinfo=UTC),
)

JUST_STORED = msgspec.structs.replace(
    EXAMPLE,
    state="stored",
    duration_seconds=None,
    width=None,
    height=None,
    has_audio=None,
    video_codec=None,
    audio_codec=None,
    frame_rate=None,
    bit_rate=None,
    poster_url=None,
)


class Quota(msgspec.Struct, frozen=True):
    """How much of something is used, uploads under way included, and how much may be."""

    used: int
    allowed: int


class UsageView(msgspec.Struct, frozen=True):
    """What the caller keeps, and what their plan allows: of one video bytes and seconds, and for
    how many days it is kept."""

    plan: str
    videos: Quota
    bytes: Quota
    max_bytes: int
    max_seconds: float
    retention_days: float

    @classmethod
    def of(cls, plan: Plan, used: Used) -> Self:
        """The view of what is used of a plan."""
        return cls(
            plan=plan.name,
            videos=Quota(used.videos, plan.videos),
            bytes=Quota(used.bytes, plan.total_bytes),
            max_bytes=plan.max_bytes,
            max_seconds=plan.max_seconds,
            retention_days=plan.retention_days,
        )


USAGE_EXAMPLE = UsageView.of(BUILT_IN["free"], Used(videos=3, bytes=144_633_102))

UPLOAD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": f"The video: {ACCEPTED}, judged by its content.",
        },
        "title": {
            "type": "string",
            "maxLength": MAX_TITLE,
            "description": "What to call it; the file's name when left out.",
        },
    },
}
