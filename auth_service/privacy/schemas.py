"""Deletion on the wire."""

from datetime import UTC, datetime
from typing import Any

import msgspec


class DeletionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to be forgotten; a client that lets people confirm it sends what they typed."""

    user_handle: str | None = None


class DeletionView(msgspec.Struct, frozen=True):
    """When the account will be erased; null when it stays."""

    deletion_due_at: datetime | None


DELETION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "user_handle": {
            "type": ["string", "null"],
            "description": "Must be the handle of the account, when it is given.",
        }
    },
}
EXAMPLE_REQUEST = DeletionRequest("mina")
EXAMPLE_ASKED = DeletionView(datetime(2026, 3, 15, 9, 30, tzinfo=UTC))
EXAMPLE_CANCELLED = DeletionView(None)
