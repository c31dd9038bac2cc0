"""API keys on the wire."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from auth_service.accounts.permissions import SCOPES_OF_ROLE
from auth_service.api_keys.domain import SCOPES, ApiKey, grantable

_ALL_SCOPES = ", ".join(f"`{scope}` ({means})" for scope, means in SCOPES.items())
_ADMIN_SCOPES = ", ".join(
    f"`{scope}`" for scope in grantable(SCOPES_OF_ROLE) if scope not in SCOPES
)
SCOPES_EXPLAINED = (
    f"Scopes: {_ALL_SCOPES}; and, as far as your roles have them, {_ADMIN_SCOPES}. What an "
    "operation needs is said with it."
)


class NewApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key is for, and what it may do; without `expires_in_days` it lasts until revoked."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class ApiKeyView(msgspec.Struct, frozen=True):
    """A key without its secret; `last_used_at` is exact to five minutes."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyView":
        """The view of `key`."""
        return cls(
            key.id, key.name, key.prefix, key.scopes, key.created_at, key.last_used_at,
            key.expires_at, key.revoked_at,
        )  # fmt: skip


class MadeApiKey(msgspec.Struct, frozen=True):
    """A new key: `key` is told here, once, and nowhere else."""

    key: str
    api_key: ApiKeyView


EXAMPLE_KEY = "mdg_JAanpjzMehrxcMTxd5w2acQ8bcDyyCiBSPploaLC5Bk3E6Aon"
EXAMPLE_NEW = NewApiKey("nightly import", ("videos:write", "jobs:write", "jobs:read"), 90)
EXAMPLE_VIEW = ApiKeyView(
    id=UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b44"),
    name=EXAMPLE_NEW.name,
    prefix=EXAMPLE_KEY[:12],
    scopes=tuple(sorted(EXAMPLE_NEW.scopes)),
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    last_used_at=datetime(2026, 3, 2, 2, 0, tzinfo=UTC),
    expires_at=datetime(2026, 5, 30, 9, 30, tzinfo=UTC),
    revoked_at=None,
)
EXAMPLE_MADE = MadeApiKey(EXAMPLE_KEY, msgspec.structs.replace(EXAMPLE_VIEW, last_used_at=None))
