"""Settings of the content service."""

from pydantic import Field

from shared.settings import ServiceSettings
from shared.storage.settings import StorageSettings

_MIB = 1024**2
_GIB = 1024**3


class ContentSettings(StorageSettings, ServiceSettings):
    """What the content service reads."""

    port: int = Field(8002, ge=0, le=65535, description="The port to listen on.")
    auth_url: str = Field("http://127.0.0.1:8001", description="Where the auth service answers.")
    upload_max_bytes: int = Field(
        5 * _GIB, ge=1, le=5 * _GIB, description="The largest file accepted, in bytes."
    )
    max_duration_seconds: float = Field(
        4 * 3600.0, gt=0, description="The longest video accepted, in seconds."
    )
    retention_days: float = Field(
        7.0, gt=0, le=36_500, description="How long a video is kept, in days."
    )
    guest_upload_max_bytes: int = Field(
        200 * _MIB,
        ge=1,
        le=5 * _GIB,
        description="The largest file accepted of a guest, in bytes.",
    )
    guest_videos: int = Field(
        5, ge=0, le=10_000, description="How many videos a guest may keep at the same time."
    )
