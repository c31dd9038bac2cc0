"""Credentials as browsers give them: what `toJSON()` of a PublicKeyCredential makes.

Bytes are base64url without padding (WebAuthn level 3, 5.1).
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_MOST_BYTES_OF_ID = 1023
"""WebAuthn level 3, 4: of a credential id."""


def _base64url(longest: int) -> Any:
    return Meta(
        pattern="^[A-Za-z0-9_-]*$",
        max_length=longest,
        description="base64url without padding",
    )


_Id = Annotated[str, _base64url(_MOST_BYTES_OF_ID * 4 // 3 + 1), Meta(min_length=1)]
_Small = Annotated[str, _base64url(4096)]
_Large = Annotated[str, _base64url(32 * 1024)]
_Transports = Annotated[tuple[Annotated[str, Meta(max_length=32)], ...], Meta(max_length=16)]


class Attestation(msgspec.Struct, frozen=True, rename="camel"):
    """What an authenticator says when it makes a passkey."""

    attestation_object: _Large
    client_data_json: _Small = msgspec.field(name="clientDataJSON")
    transports: _Transports = ()


class Assertion(msgspec.Struct, frozen=True, rename="camel"):
    """What an authenticator says when a passkey is used."""

    authenticator_data: _Small
    signature: _Small
    client_data_json: _Small = msgspec.field(name="clientDataJSON")
    user_handle: _Id | None = None


class NewCredential(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of `navigator.credentials.create()`, as JSON."""

    id: _Id
    raw_id: _Id
    response: Attestation
    type: Literal["public-key"] = "public-key"


class UsedCredential(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of `navigator.credentials.get()`, as JSON."""

    id: _Id
    raw_id: _Id
    response: Assertion
    type: Literal["public-key"] = "public-key"
