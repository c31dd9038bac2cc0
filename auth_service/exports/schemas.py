"""Exports on the wire."""

from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import msgspec

from auth_service.exports.domain import Export, State


class ExportView(msgspec.Struct, frozen=True):
    """An export as its owner sees it; `archive_url` is there while it can be fetched, and `reason`
    is a stable code that tells why it failed."""

    id: UUID
    state: State
    size_bytes: int | None
    reason: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    archive_url: str | None

    @classmethod
    def of(cls, export: Export) -> Self:
        """The view of `export`."""
        ready = export.state is State.READY
        return cls(
            export.id,
            export.state,
            export.size_bytes,
            export.reason,
            export.created_at,
            export.finished_at,
            export.expires_at,
            f"/api/users/exports/{export.id}/archive" if ready else None,
        )


class ExportList(msgspec.Struct, frozen=True):
    """The exports of a user, newest first."""

    items: tuple[ExportView, ...]


EXAMPLE_QUEUED = ExportView(
    id=UUID("01980a3e-9c1d-7a00-9b62-4d6e2f1a0c53"),
    state=State.QUEUED,
    size_bytes=None,
    reason=None,
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    finished_at=None,
    expires_at=None,
    archive_url=None,
)
EXAMPLE_READY = msgspec.structs.replace(
    EXAMPLE_QUEUED,
    state=State.READY,
    size_bytes=48_211_034,
    finished_at=datetime(2026, 3, 1, 9, 31, tzinfo=UTC),
    expires_at=datetime(2026, 3, 8, 9, 31, tzinfo=UTC),
    archive_url="/api/users/exports/01980a3e-9c1d-7a00-9b62-4d6e2f1a0c53/archive",
)
EXAMPLE_LIST = ExportList((EXAMPLE_READY,))
