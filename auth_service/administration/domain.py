"""What administrators see of accounts and may do to them."""

from datetime import datetime
from uuid import UUID

import msgspec

from auth_service.accounts.domain import Account
from auth_service.accounts.permissions import SCOPES_OF_ROLE
from shared.errors import Conflict, FieldError, Invalid, NotFound

SHORTEST_SEARCH = 2
"""Characters: a shorter beginning finds too many to be of use."""
LONGEST_REASON = 500


class UserNotFound(NotFound):
    """No account has this id."""

    code, title = "user_not_found", "There is no such user"


class LastAdmin(Conflict):
    """Without this administrator, who stays and can log in, nobody could administer anything."""

    code, title = "last_admin", "Somebody has to remain an administrator"


class NotYourself(Conflict):
    """Administrators do not suspend themselves."""

    code, title = "not_yourself", "You cannot do this to your own account"


class Listed(msgspec.Struct, frozen=True):
    """An account as a list shows it."""

    account: Account
    suspended_because: str | None
    last_seen_at: datetime | None


class WaysIn(msgspec.Struct, frozen=True):
    """How somebody can log in; none of the secrets."""

    password: bool
    totp: bool
    passkeys: int
    providers: tuple[str, ...]
    api_keys: int
    sessions: int


class UserFilter(msgspec.Struct, frozen=True):
    """Which users are wanted: a beginning of address or handle, and the state of the account."""

    search: str = ""
    status: str | None = None
    role: str | None = None


class AuditFilter(msgspec.Struct, frozen=True):
    """Which entries of the audit log are wanted."""

    subject_id: UUID | None = None
    actor_id: UUID | None = None
    action: str | None = None


def checked_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    """The roles, each once and sorted; raises `Invalid` for one that does not exist."""
    if unknown := sorted(set(roles) - set(SCOPES_OF_ROLE)):
        message = f"{unknown[0]!r} is no role; the roles are {', '.join(SCOPES_OF_ROLE)}"
        raise Invalid(errors=(FieldError("roles", message),))
    return tuple(sorted(set(roles)))
