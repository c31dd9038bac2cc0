"""Sessions on the wire."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from auth_service.accounts.schemas import AccountView
from auth_service.sessions.use_cases import LoggedIn
from shared.errors import FieldError, Invalid
from shared.security.tokens import ACCESS_TOKEN_LIFETIME

_RefreshToken = Annotated[str, Meta(max_length=128)]


class Credentials(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who logs in: `username` is an e-mail address or a handle; `email` does as well."""

    password: Annotated[str, Meta(max_length=1024)]
    username: Annotated[str, Meta(max_length=320)] = ""
    email: Annotated[str, Meta(max_length=320)] = ""

    @property
    def login(self) -> str:
        """The name that was given; raises `Invalid` when there is none."""
        if not (name := self.username or self.email):
            raise Invalid(errors=(FieldError("username", "is required (or email)"),))
        return name


CREDENTIALS_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {
        "username": {"type": "string", "description": "An e-mail address or a handle."},
        "password": {"type": "string", "format": "password"},
    },
}


class RefreshRequest(msgspec.Struct, frozen=True):
    """The refresh token that came with the last log-in or refresh."""

    refresh_token: _RefreshToken


class LogOutRequest(msgspec.Struct, frozen=True):
    """The refresh token, when the client still has it."""

    refresh_token: _RefreshToken | None = None


class TokensView(msgspec.Struct, frozen=True):
    """A pair of tokens; `expires_in` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: AccountView
    token_type: str = "bearer"  # noqa: S105 - the name of a scheme

    @classmethod
    def of(cls, pair: LoggedIn) -> "TokensView":
        """The view of a fresh pair."""
        return cls(
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            user=AccountView.of(pair.account),
        )


class LoggedOut(msgspec.Struct, frozen=True):
    """The answer to a log-out."""

    message: str
