"""Accounts on the wire."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from auth_service.accounts import handles, password_rules
from auth_service.accounts.domain import MAX_EMAIL, Account
from auth_service.guests.naming import GuestPlace, GuestToken
from auth_service.sessions.domain import TokenPlace


def _length(shortest: int, longest: int) -> dict[str, int]:
    # Told in OpenAPI, checked by the domain: it names every broken rule, msgspec only the first.
    return {"minLength": shortest, "maxLength": longest}


class NewAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request for an account."""

    email: Annotated[str, Meta(extra_json_schema={"format": "email", "maxLength": MAX_EMAIL})]
    password: Annotated[
        str,
        Meta(
            description="With an upper-case letter, a lower-case letter and a digit.",
            extra_json_schema=_length(password_rules.LENGTH.start, password_rules.LENGTH.stop - 1),
        ),
    ]
    user_handle: Annotated[
        str,
        Meta(
            description="Letters of any script, digits, '_', '.' and '-'.",
            extra_json_schema=_length(handles.LENGTH.start, handles.LENGTH.stop - 1),
        ),
    ]
    guest_refresh_token: GuestToken | None = None
    guest_refresh_token_in: GuestPlace = TokenPlace.BODY


class PasswordChange(msgspec.Struct, frozen=True):
    """The password that somebody has, where they have one, and the one that they want."""

    new_password: Annotated[
        str,
        Meta(
            description="With an upper-case letter, a lower-case letter and a digit.",
            extra_json_schema=_length(password_rules.LENGTH.start, password_rules.LENGTH.stop - 1),
        ),
    ]
    current_password: Annotated[str, Meta(max_length=1024)] | None = None


class AccountView(msgspec.Struct, frozen=True):
    """An account as its owner sees it."""

    id: UUID
    email: str | None
    user_handle: str
    roles: tuple[str, ...]
    created_at: datetime
    email_verified: bool
    guest: bool
    display_name: str
    bio: str
    avatar_url: str | None
    language: str
    time_zone: str
    deletion_due_at: datetime | None

    @classmethod
    def of(cls, account: Account) -> "AccountView":
        """The view of `account`."""
        return cls(
            account.id, account.email, account.handle, account.roles, account.created_at,
            account.email_verified, account.guest, account.display_name, account.bio,
            avatar_url(account.avatar), account.language, account.time_zone,
            account.deletion_due_at,
        )  # fmt: skip


def avatar_url(avatar: str | None) -> str | None:
    """Where everybody can see a picture, relative to the API."""
    return f"/api/avatars/{avatar}" if avatar else None


class Registered(msgspec.Struct, frozen=True):
    """The answer to a registration."""

    message: str
    user: AccountView


EXAMPLE_ACCOUNT = AccountView(
    id=UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"),
    email="mina@example.com",
    user_handle="mina",
    roles=(),
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    email_verified=True,
    guest=False,
    display_name="Mina Kim",
    bio="I film courtyards.",
    avatar_url=None,
    language="ko",
    time_zone="Asia/Seoul",
    deletion_due_at=None,
)
