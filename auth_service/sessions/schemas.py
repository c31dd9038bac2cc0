"""Sessions on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from auth_service.accounts.schemas import EXAMPLE_ACCOUNT, AccountView
from auth_service.guests.naming import GuestPlace, GuestToken
from auth_service.mail.programs import program_of
from auth_service.sessions.domain import Session, TokenPlace
from auth_service.sessions.use_cases import LoggedIn
from shared.errors import FieldError, Invalid
from shared.security.tokens import ACCESS_TOKEN_LIFETIME

_RefreshToken = Annotated[str, Meta(max_length=128)]
WishedPlace = Annotated[
    TokenPlace,
    Meta(description="`cookie`: the refresh token comes as an HttpOnly cookie, not in the body."),
]
"""The type of the field `refresh_token_in` in the body of whatever hands out tokens."""


class Credentials(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who logs in: `username` is an e-mail address or a handle; `email` does as well."""

    password: Annotated[str, Meta(max_length=1024)]
    username: Annotated[str, Meta(max_length=320)] = ""
    email: Annotated[str, Meta(max_length=320)] = ""
    refresh_token_in: WishedPlace = TokenPlace.BODY
    guest_refresh_token: GuestToken | None = None
    guest_refresh_token_in: GuestPlace = TokenPlace.BODY

    @property
    def login(self) -> str:
        """The name that was given; raises `Invalid` when there is none."""
        if not (name := self.username or self.email):
            raise Invalid(errors=(FieldError("username", "is required (or email)"),))
        return name


CREDENTIALS_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["password"],
    "properties": {
        "username": {
            "type": "string",
            "description": "An e-mail address or a handle; this or email is needed.",
        },
        "email": {"type": "string", "description": "The same, for who calls it that."},
        "password": {"type": "string", "format": "password"},
        "refresh_token_in": {
            "type": "string",
            "enum": [place.value for place in TokenPlace],
            "default": TokenPlace.BODY.value,
            "description": "`cookie`: the refresh token comes as an HttpOnly cookie, not in the "
            "body.",
        },
        "guest_refresh_token": {
            "type": "string",
            "description": "The refresh token of the guest that the user has been until now.",
        },
        "guest_refresh_token_in": {
            "type": "string",
            "enum": [place.value for place in TokenPlace],
            "default": TokenPlace.BODY.value,
            "description": "`cookie`: the guest's refresh token is in the cookie.",
        },
    },
}


class RefreshRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The refresh token that came with the last log-in or refresh, unless a cookie brings it."""

    refresh_token: _RefreshToken | None = None
    refresh_token_in: WishedPlace = TokenPlace.BODY


class LogOutRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The refresh token, when the client still has it."""

    refresh_token: _RefreshToken | None = None


class TokensView(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of tokens; `expires_in` is the life of the access token in seconds.

    A refresh token that comes as a cookie is left out.
    """

    access_token: str
    refresh_token: str | msgspec.UnsetType = msgspec.UNSET
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


class SessionView(msgspec.Struct, frozen=True):
    """A session under way, as its user sees it."""

    id: UUID
    current: Annotated[bool, Meta(description="Whether it is the one that asks.")]
    created_at: datetime
    last_seen_at: Annotated[datetime, Meta(description="When it began, or was refreshed last.")]
    expires_at: Annotated[datetime, Meta(description="When it ends, unless it is used before.")]
    address: Annotated[str, Meta(description="From where it began, or was refreshed last.")]
    device: Annotated[
        str, Meta(description="Browser and system, made from `user_agent`; empty when unknown.")
    ]
    user_agent: str
    methods: Annotated[
        tuple[str, ...],
        Meta(
            description="How the user proved who they are: `pwd`, `otp`, `kba` (a recovery code), "
            "`hwk` (a passkey), `fed` (an account elsewhere), `guest`."
        ),
    ]

    @classmethod
    def of(cls, session: Session, current: UUID) -> "SessionView":
        """The view of `session` for who asks in the session `current`."""
        return cls(
            id=session.id,
            current=session.id == current,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.ends_at,
            address=session.address,
            device=program_of(session.user_agent),
            user_agent=session.user_agent,
            methods=session.methods,
        )


class SessionsEnded(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


class LoggedOut(msgspec.Struct, frozen=True):
    """The answer to a log-out."""

    message: str


EXAMPLE_REFRESH_TOKEN = "x6Ck2m0wJt4n8sFq1vRyB7uZpLdA3hGeXiOoTcWbNkE"  # noqa: S105 - an example
EXAMPLE_TOKENS = TokensView(
    access_token="eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtaW5hIn0.c2lnbmF0dXJl",  # noqa: S106
    refresh_token=EXAMPLE_REFRESH_TOKEN,
    expires_in=900,
    user=EXAMPLE_ACCOUNT,
)
EXAMPLE_SESSION = SessionView(
    id=UUID("01980a41-2c5e-7d10-9b3f-6a1e8c4d7f20"),
    current=True,
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    last_seen_at=datetime(2026, 3, 4, 18, 12, tzinfo=UTC),
    expires_at=datetime(2026, 4, 3, 18, 12, tzinfo=UTC),
    address="203.0.113.7",
    device="Firefox, Windows",
    user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    methods=("pwd", "otp"),
)
