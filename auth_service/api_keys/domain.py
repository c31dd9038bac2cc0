"""API keys: what a program of a user's may do in their name, without a log-in.

What a key may do is said by scopes, of which each operation needs one at most. What has none is
closed to keys: above all, everything that concerns the account's security.
"""

import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from auth_service.accounts.permissions import scopes_of
from auth_service.secrets import hash_of
from shared.errors import Conflict, FieldError, Invalid, NotFound
from shared.security import api_keys
from shared.security.access import ADMIN, PLAN
from shared.security.api_keys import Refusal
from shared.security.principal import SessionId, UserId

SCOPES = {
    "profile:read": "Read the account and the profile of the key's owner",
    "profile:write": "Change the profile",
    "videos:read": "List, read and download videos",
    "videos:write": "Upload and delete videos",
    "jobs:read": "List and read jobs and their results",
    "jobs:write": "Submit and cancel jobs",
    "credits:read": "Read balance, history and prices",
    "webhooks:read": "List webhooks and what they were told",
    "webhooks:write": "Make, change and remove webhooks, and send to them again",
}
"""What everybody may let a key do; those of roles come from `accounts/permissions.py`."""

TOKEN_LIFETIME = timedelta(minutes=5)
"""Of an access token that a key is exchanged for."""
KEPT_FOR = timedelta(days=30)
"""How long a key that is over is still listed."""
_SHOWN = 12


class ApiKeyNotFound(NotFound):
    """The caller has no key of that id."""

    code, title = "api_key_not_found", "There is no such API key"


class TooManyApiKeys(Conflict):
    """The caller has as many usable keys as one may have."""

    code, title = "too_many_api_keys", "You have too many API keys; revoke one that is not used"


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is kept: `prefix` is the beginning of its text, of the rest there is a hash.

    Its access tokens have its id for that of a session.
    """

    id: SessionId
    owner: UserId
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class NewKey(NamedTuple):
    """A new key's text, for its owner alone, and what is kept of it."""

    key: str
    prefix: str
    hash: bytes


def new_key() -> NewKey:
    """A key that nobody can guess."""
    key = api_keys.key_of(secrets.token_bytes(api_keys.RANDOM_BYTES))
    return NewKey(key, key[:_SHOWN], hash_of(key))


def checked_name(name: str) -> str:
    """The name, trimmed; raises `Invalid`."""
    trimmed = name.strip()
    if not trimmed or not trimmed.isprintable():
        raise Invalid(errors=(FieldError("name", "must hold letters, and no line breaks"),))
    return trimmed


def check_scopes(wanted: Iterable[str], roles: Iterable[str]) -> tuple[str, ...]:
    """The scopes, sorted; raises `Invalid`, which names those that an owner of `roles` may give."""
    allowed = grantable(roles)
    unknown = sorted(set(wanted) - set(allowed))
    if unknown:
        names, right = ", ".join(unknown), ", ".join(allowed)
        raise Invalid(
            errors=(FieldError("scopes", f"cannot hold {names}; you may choose among {right}"),)
        )
    return tuple(sorted(set(wanted)))


def grantable(roles: Iterable[str]) -> tuple[str, ...]:
    """All that a user of `roles` may let a key do."""
    return (*SCOPES, *(one for one in scopes_of(roles) if not one.startswith(PLAN)))


def effective(scopes: Iterable[str], roles: Collection[str]) -> tuple[str, ...]:
    """What is left of a key's scopes now that its owner has `roles`; it has their plan."""
    of_roles = scopes_of(roles)
    kept = (one for one in scopes if not one.startswith(ADMIN) or one in of_roles)
    return (*kept, *(one for one in of_roles if one.startswith(PLAN)))


def refusal_of(key: ApiKey, now: datetime, *, suspended: bool) -> Refusal | None:
    """Why `key` is not accepted now, if it is not."""
    if key.revoked_at is not None:
        return Refusal.REVOKED
    if key.expires_at is not None and key.expires_at <= now:
        return Refusal.EXPIRED
    return Refusal.OWNER_SUSPENDED if suspended else None
