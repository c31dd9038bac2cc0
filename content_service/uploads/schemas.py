"""What goes over the wire about uploads in JSON: only what is known of a person."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from content_service.uploads.domain import Upload
from content_service.uploads.metadata import Description


class UploadView(msgspec.Struct, frozen=True):
    """An upload that is not finished, of which `received_bytes` have arrived."""

    id: UUID
    filename: str
    title: str
    size_bytes: int | None
    received_bytes: int
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """The view of an upload."""
        described = Description.of(upload.metadata)
        return cls(
            id=upload.id,
            filename=described.filename,
            title=described.title,
            size_bytes=upload.length,
            received_bytes=upload.received,
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )
