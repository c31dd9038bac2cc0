"""Passkeys on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from auth_service.guests.naming import GuestPlace, GuestToken
from auth_service.passkeys.credentials import (
    Assertion,
    Attestation,
    NewCredential,
    UsedCredential,
)
from auth_service.passkeys.domain import Passkey
from auth_service.sessions.domain import TokenPlace
from auth_service.sessions.schemas import WishedPlace


class NewPasskey(msgspec.Struct, frozen=True):
    """A passkey to be registered, and what its owner calls it."""

    name: str
    credential: NewCredential


class PasskeyName(msgspec.Struct, frozen=True):
    """Another name for a passkey."""

    name: str


class PasskeyLogIn(msgspec.Struct, frozen=True):
    """The use of a passkey, to log in with it."""

    credential: UsedCredential
    refresh_token_in: WishedPlace = TokenPlace.BODY
    guest_refresh_token: GuestToken | None = None
    guest_refresh_token_in: GuestPlace = TokenPlace.BODY


_PUBLIC_KEY = Meta(
    description="For `PublicKeyCredential.parseCreationOptionsFromJSON()` or "
    "`parseRequestOptionsFromJSON()`, which make the argument `publicKey` of it."
)


class PasskeyOptions(msgspec.Struct, frozen=True):
    """What to ask a browser for."""

    public_key: Annotated[dict[str, Any], _PUBLIC_KEY]


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


EXAMPLE_PASSKEY = PasskeyView(
    UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b43"),
    "Mina's phone",
    ("hybrid", "internal"),
    True,
    datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    None,
)
_ID = "mPgR7vV1Yl0aZk3sQ2wXcA"
_CHALLENGE = "x6Ck2m0wJt4n8sFq1vRyB7uZpLdA3hGeXiOoTcWbNkE"
_CLIENT_DATA = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoi4oCmIn0"
EXAMPLE_NEW_PASSKEY = NewPasskey(
    "Mina's phone",
    NewCredential(_ID, _ID, Attestation("o2NmbXRkbm9uZWdhdHRTdG10oA", _CLIENT_DATA)),
)
EXAMPLE_USED = UsedCredential(
    _ID,
    _ID,
    Assertion("SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ", "MEUCIQDx", _CLIENT_DATA),
)
EXAMPLE_CREATION = PasskeyOptions(
    {
        "rp": {"id": "example.com", "name": "Madang"},
        "user": {"id": "AZgKPnscfwCKUTxdHg-bQg", "name": "mina@example.com", "displayName": "Mina"},
        "challenge": _CHALLENGE,
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "timeout": 300000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
)
EXAMPLE_REQUEST = PasskeyOptions(
    {
        "challenge": _CHALLENGE,
        "timeout": 300000,
        "rpId": "example.com",
        "allowCredentials": [],
        "userVerification": "required",
    }
)
