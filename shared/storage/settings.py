"""The settings of a service that keeps files."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from shared.settings import Settings
from shared.storage.storage import S3Access, require_storage_url


def _is_storage_url(url: str) -> str:
    require_storage_url(url)
    return url


class StorageSettings(Settings):
    """Where files are kept."""

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
