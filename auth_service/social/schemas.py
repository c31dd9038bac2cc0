"""Social log-ins and identities on the wire."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from auth_service.guests.naming import GuestPlace, GuestToken
from auth_service.sessions.domain import TokenPlace
from auth_service.sessions.schemas import WishedPlace
from auth_service.social.domain import Identity
from auth_service.social.providers import Provider

_RedirectTo = Annotated[
    str,
    Meta(
        description="Your page that the browser comes back to, on one of ALLOWED_ORIGINS or the "
        "API's own origin, without a fragment."
    ),
]
_Code = Annotated[str, Meta(max_length=128)]


class ProviderView(msgspec.Struct, frozen=True):
    """A provider; `start_url` wants `redirect_to`, and `code_challenge`."""

    name: str
    label: str
    start_url: str


class ProviderList(msgspec.Struct, frozen=True):
    """All providers that are set up."""

    items: tuple[ProviderView, ...]

    @classmethod
    def of(cls, providers: Iterable[Provider], public_url: str) -> "ProviderList":
        """The view of these."""
        return cls(
            tuple(
                ProviderView(one.name, one.label, f"{public_url}/api/social/{one.name}/start")
                for one in providers
            )
        )


class StartQuery(msgspec.Struct, frozen=True):
    """How a log-in begins."""

    redirect_to: _RedirectTo
    code_challenge: (
        Annotated[
            str,
            Meta(
                pattern="^[A-Za-z0-9_-]{43}$",
                description="BASE64URL(SHA256(code_verifier)) of a secret that your page keeps "
                "(RFC 7636). Without it the code is good in the same browser alone, which must "
                "send its cookie along with `POST /api/social/session`.",
            ),
        ]
        | None
    ) = None


class CallbackQuery(msgspec.Struct, frozen=True):
    """What a provider sends the browser back with; anything else that comes along is left alone."""

    state: str = ""
    code: str = ""
    iss: str | None = None
    error: str = ""
    error_description: str = ""


CALLBACK_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": "string"}
        for name in ("state", "code", "iss", "error", "error_description", "user")
    },
}


class SessionRequest(msgspec.Struct, frozen=True):
    """The code that the browser has brought back."""

    code: _Code
    code_verifier: (
        Annotated[
            str,
            Meta(
                pattern="^[A-Za-z0-9._~-]{43,128}$",
                description="The secret of the `code_challenge` that the log-in was begun with.",
            ),
        ]
        | None
    ) = None
    refresh_token_in: WishedPlace = TokenPlace.BODY
    guest_refresh_token: GuestToken | None = None
    guest_refresh_token_in: GuestPlace = TokenPlace.BODY


class IdentityView(msgspec.Struct, frozen=True):
    """An account at a provider that is linked to the caller; `email` is the one it had then."""

    id: UUID
    provider: str
    email: str | None
    created_at: datetime
    last_used_at: datetime

    @classmethod
    def of(cls, identity: Identity) -> "IdentityView":
        """The view of `identity`."""
        return cls(
            identity.id,
            identity.provider,
            identity.email,
            identity.created_at,
            identity.last_used_at,
        )


class IdentityList(msgspec.Struct, frozen=True):
    """All identities of the caller."""

    items: tuple[IdentityView, ...]


class LinkRequest(msgspec.Struct, frozen=True):
    """Where to go once the provider has answered."""

    redirect_to: _RedirectTo


class LinkStarted(msgspec.Struct, frozen=True):
    """Where the browser has to go."""

    authorization_url: str


class LinkCode(msgspec.Struct, frozen=True):
    """The `link_code` that the browser has brought back."""

    code: _Code


_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
EXAMPLE_CODE = "V3nq0bTt8mK1rXw5yZ2sCd7uFg9hJk4lPe6oAiBvNxQ"
EXAMPLE_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
EXAMPLE_PROVIDERS = ProviderList(
    (ProviderView("google", "Google", "https://api.example/api/social/google/start"),)
)
EXAMPLE_IDENTITY = IdentityView(
    UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"), "google", "mina@example.com", _AT, _AT
)
EXAMPLE_LINK = LinkStarted("https://accounts.google.com/o/oauth2/v2/auth?client_id=…&state=…")
