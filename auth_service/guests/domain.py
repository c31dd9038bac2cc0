"""Guests: accounts without a name, which their owners may make real ones of."""

import secrets
from datetime import datetime

from auth_service.accounts.domain import Account
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.security.principal import UserId

_RANDOM_BYTES = 8


def new_guest(now: datetime) -> Account:
    """A guest who comes in now, under a handle that nobody has."""
    return Account(
        id=UserId(uuid7()),
        email=None,
        handle=f"guest-{secrets.token_hex(_RANDOM_BYTES)}",
        roles=(),
        created_at=now,
        guest=True,
    )


def no_guest(field: str = "guest_refresh_token") -> Invalid:
    """What to raise when a token is not that of a guest who is in."""
    return Invalid(
        errors=(
            FieldError(
                field,
                "must be the newest refresh token of a guest whose session goes on; leave it out "
                "to go on without what the guest has made",
            ),
        )
    )
