"""Passkeys on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from auth_service.passkeys.credentials import NewCredential
from auth_service.passkeys.domain import Passkey


class NewPasskey(msgspec.Struct, frozen=True):
    """A passkey to be registered, and what its owner calls it."""

    name: str
    credential: NewCredential


class PasskeyName(msgspec.Struct, frozen=True):
    """Another name for a passkey."""

    name: str


class PasskeyOptions(msgspec.Struct, frozen=True):
    """What to ask the browser: `PublicKeyCredential.parse…OptionsFromJSON(public_key)`."""

    public_key: dict[str, Any]


class PasskeyView(msgspec.Struct, frozen=True):
    """A passkey as its owner sees it."""

    id: UUID
    name: str
    transports: tuple[str, ...]
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, passkey: Passkey) -> "PasskeyView":
        """The view of `passkey`."""
        return cls(
            passkey.id, passkey.name, passkey.transports, passkey.backed_up,
            passkey.created_at, passkey.last_used_at,
        )  # fmt: skip


class PasskeyList(msgspec.Struct, frozen=True):
    """All passkeys of an account, the oldest first."""

    items: tuple[PasskeyView, ...]


class RegisteredPasskey(msgspec.Struct, frozen=True):
    """A new passkey; with the first second factor of an account come its recovery codes."""

    passkey: PasskeyView
    recovery_codes: tuple[str, ...] | None
