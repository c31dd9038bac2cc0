"""Administration on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from auth_service.accounts.permissions import SCOPES_OF_ROLE
from auth_service.accounts.schemas import EXAMPLE_ACCOUNT, AccountView
from auth_service.administration.domain import (
    LONGEST_REASON,
    SHORTEST_SEARCH,
    AuditFilter,
    Listed,
    UserFilter,
    WaysIn,
)
from auth_service.audit.domain import Action, AuditEntry
from shared.http.paging import PageQuery

_LATER = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


class UsersQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which users are listed."""

    search: Annotated[
        str,
        Meta(
            max_length=254,
            description="How the e-mail address or the handle begins: "
            f"{SHORTEST_SEARCH} characters at least.",
        ),
    ] = ""
    status: Literal["active", "suspended", "leaving", "guest"] | None = None
    role: Annotated[str, Meta(max_length=40, pattern="^[a-z]+$")] | None = None

    def to_domain(self) -> UserFilter:
        """The filter."""
        return UserFilter(self.search.strip(), self.status, self.role)


class UserView(msgspec.Struct, frozen=True):
    """An account as administrators see it."""

    user: AccountView
    suspended: bool
    suspended_because: str | None
    last_seen_at: datetime | None

    @classmethod
    def of(cls, listed: Listed) -> "UserView":
        """The view of a listed account."""
        account = listed.account
        return cls(
            AccountView.of(account), account.suspended, listed.suspended_because,
            listed.last_seen_at,
        )  # fmt: skip


class UserDetails(msgspec.Struct, frozen=True):
    """An account, and how its owner can log in."""

    user: AccountView
    suspended: bool
    suspended_because: str | None
    last_seen_at: datetime | None
    ways_in: WaysIn

    @classmethod
    def of_user(cls, listed: Listed, ways_in: WaysIn) -> "UserDetails":
        """The view of one account."""
        view = UserView.of(listed)
        return cls(view.user, view.suspended, view.suspended_because, view.last_seen_at, ways_in)


class Suspension(msgspec.Struct, frozen=True):
    """Why somebody is suspended; administrators read it, the user does not."""

    reason: Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]


class Roles(msgspec.Struct, frozen=True):
    """All roles of a user; an empty list takes away every one."""

    roles: Annotated[tuple[str, ...], Meta(max_length=20)]


class RoleView(msgspec.Struct, frozen=True):
    """A role and what it allows."""

    role: str
    scopes: tuple[str, ...]


class RolesView(msgspec.Struct, frozen=True):
    """Every role there is."""

    items: tuple[RoleView, ...]


class SessionsEnded(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


class AuditQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which entries are listed."""

    subject_id: UUID | None = None
    actor_id: UUID | None = None
    action: Action | None = None

    def to_domain(self) -> AuditFilter:
        """The filter."""
        return AuditFilter(self.subject_id, self.actor_id, self.action)


EXAMPLE_USER = UserView(EXAMPLE_ACCOUNT, False, None, _LATER)
EXAMPLE_DETAILS = UserDetails(
    EXAMPLE_ACCOUNT,
    False,
    None,
    _LATER,
    WaysIn(password=True, totp=True, passkeys=1, providers=("google",), api_keys=0, sessions=2),
)
EXAMPLE_ENTRY = AuditEntry(
    UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b44"),
    _LATER,
    Action.LOGGED_IN,
    EXAMPLE_ACCOUNT.id,
    EXAMPLE_ACCOUNT.id,
    "203.0.113.7",
    "Mozilla/5.0",
    {"methods": ["pwd"]},
)
ALL_ROLES = RolesView(tuple(RoleView(role, scopes) for role, scopes in SCOPES_OF_ROLE.items()))
