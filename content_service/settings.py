"""Settings of the content service."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from content_service.videos.limits import BUILT_IN, LARGEST_FILE, Plans, plans_in
from shared.settings import ServiceSettings
from shared.storage.settings import StorageSettings


def _plans(value: Any) -> Any:
    return plans_in(value) if isinstance(value, str) else value


class ContentSettings(StorageSettings, ServiceSettings):
    """What the content service reads."""

    port: int = Field(8002, ge=0, le=65535, description="The port to listen on.")
    auth_url: str = Field("http://127.0.0.1:8001", description="Where the auth service answers.")
    upload_max_bytes: int = Field(
        LARGEST_FILE,
        ge=1,
        le=LARGEST_FILE,
        description="The largest file accepted of anybody, in bytes, whatever the plans say.",
    )
    plans: Annotated[Plans, PlainValidator(_plans)] = Field(
        BUILT_IN,
        description="What guest, free and pro may upload and keep, where it is not what is built "
        "in: a JSON object such as "
        '{"free": {"max_bytes": 1073741824, "max_seconds": 3600, "total_bytes": 10737418240, '
        '"videos": 50, "retention_days": 14}}; what is left out stays.',
    )
