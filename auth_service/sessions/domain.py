"""Sessions, and the refresh tokens that keep them alive.

A session is one log-in on one device: the family of all refresh tokens that descend from it.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from auth_service.accounts.domain import Account
from shared.errors import Unauthenticated
from shared.security.principal import SessionId

REFRESH_TOKEN_LIFETIME = timedelta(days=30)
GRACE = timedelta(seconds=10)
"""How long a used refresh token is still taken: three open tabs must not log a user out."""
_RANDOM_BYTES = 32


class WrongCredentials(Unauthenticated):
    """No account has this name and password; which of the two is wrong is not said."""

    code, title = "wrong_credentials", "The user name or the password is wrong"


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token was never ours, or its session is long over."""

    code, title = "refresh_token_invalid", "The refresh token is not valid"


class RefreshTokenExpired(Unauthenticated):
    """Nobody used the session for 30 days."""

    code, title = "refresh_token_expired", "The refresh token has expired"


class RefreshTokenReused(Unauthenticated):
    """A refresh token came a second time: one of two holders stole it, so both are out."""

    code, title = "refresh_token_reused", "The refresh token was used before; log in again"


class RefreshTokenRevoked(Unauthenticated):
    """The session was ended by a log-out or for safety."""

    code, title = "session_revoked", "The session has ended"


class RefreshToken(msgspec.Struct, frozen=True):
    """A stored refresh token with its session's state and its owner."""

    session_id: SessionId
    account: Account
    expires_at: datetime
    used_at: datetime | None
    session_revoked_at: datetime | None


class Use(Enum):
    """What the use of a refresh token means."""

    GOOD = auto()
    REVOKED = auto()
    EXPIRED = auto()
    REUSED = auto()


class Secret(NamedTuple):
    """A new refresh token for the client, and the hash that is kept."""

    token: str
    hash: bytes


def new_secret() -> Secret:
    """256 random bits; no salt and no slow hash are needed for what cannot be guessed."""
    token = secrets.token_urlsafe(_RANDOM_BYTES)
    return Secret(token, hash_of(token))


def hash_of(token: str) -> bytes:
    """The SHA-256 under which a refresh token is stored."""
    return hashlib.sha256(token.encode()).digest()


def judge(token: RefreshToken, now: datetime) -> Use:
    """What it means that `token` is used now."""
    if token.session_revoked_at is not None:
        return Use.REVOKED
    if token.expires_at <= now:
        return Use.EXPIRED
    if token.used_at is not None and now - token.used_at > GRACE:
        return Use.REUSED
    return Use.GOOD
