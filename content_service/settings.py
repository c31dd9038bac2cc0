"""Settings of the content service."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from content_service.videos.limits import BUILT_IN, LARGEST_FILE, Plans, plans_in
from shared.settings import ServiceSettings
from shared.storage.presigning import Presigner
from shared.storage.settings import StorageSettings
from shared.storage.storage import S3Access


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
    upload_hours: float = Field(
        24.0,
        gt=0,
        le=8760,
        description="How long an upload that can be resumed waits for its next byte, in hours.",
    )
    plans: Annotated[Plans, PlainValidator(_plans)] = Field(
        BUILT_IN,
        description="What guest, free and pro may upload and keep, where it is not what is built "
        "in: a JSON object such as "
        '{"free": {"max_bytes": 1073741824, "max_seconds": 3600, "total_bytes": 10737418240, '
        '"videos": 50, "retention_days": 14}}; what is left out stays.',
    )
    presigned_downloads: bool = Field(
        False,
        description="Whether links to files send clients on to the S3 store, which they must reach "
        "at AWS_ENDPOINT_URL; otherwise every byte passes through this service.",
    )

    @field_validator("presigned_downloads")
    @classmethod
    def _check_presigned(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "storage_url" in info.data:
            names = ("aws_endpoint_url", "aws_region", "aws_access_key_id", "aws_secret_access_key")
            endpoint, region, key_id, secret = (info.data.get(name) for name in names)
            access = S3Access(endpoint, region, key_id, secret and secret.get_secret_value())
            Presigner.of(info.data["storage_url"], access)  # its error says what it needs
        return value

    @property
    def presigner(self) -> Presigner | None:
        """Signs addresses in the store, where links lead there."""
        return Presigner.of(self.storage_url, self.s3) if self.presigned_downloads else None
