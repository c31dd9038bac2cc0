"""Settings of the content service."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from shared.settings import ServiceSettings
from shared.storage.storage import S3Access, require_storage_url

_GIB = 1024**3


def _is_storage_url(url: str) -> str:
    require_storage_url(url)
    return url


class ContentSettings(ServiceSettings):
    """What the content service reads."""

    port: int = Field(8002, ge=0, le=65535, description="The port to listen on.")
    auth_url: str = Field("http://127.0.0.1:8001", description="Where the auth service answers.")
    storage_url: Annotated[str, AfterValidator(_is_storage_url)] = Field(
        description="Where files are kept: file:///absolute/directory or s3://bucket/prefix."
    )
    aws_endpoint_url: str | None = Field(
        None, description="An S3-compatible store's address; Amazon's own when left out."
    )
    aws_region: str | None = Field(None, description="The region of the bucket.")
    aws_access_key_id: str | None = Field(
        None, description="Signs in to S3; the machine's own role when left out."
    )
    aws_secret_access_key: SecretStr | None = Field(
        None, description="The secret that belongs to the access key."
    )
    upload_max_bytes: int = Field(
        5 * _GIB, ge=1, le=5 * _GIB, description="The largest file accepted, in bytes."
    )
    max_duration_seconds: float = Field(
        4 * 3600.0, gt=0, description="The longest video accepted, in seconds."
    )
    retention_days: float = Field(
        7.0, gt=0, le=36_500, description="How long a video is kept, in days."
    )

    @property
    def s3(self) -> S3Access:
        """Where an S3 store is and how to sign in."""
        secret = self.aws_secret_access_key
        return S3Access(
            endpoint=self.aws_endpoint_url,
            region=self.aws_region,
            access_key_id=self.aws_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
        )
