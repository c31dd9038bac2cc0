"""Guests: accounts without a name, which their owners may make real ones of."""

import secrets
from datetime import datetime

from auth_service.accounts.domain import Account
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
