"""Sessions, and the refresh tokens that keep them alive.

A session is one log-in on one device: the family of all refresh tokens that descend from it.
"""

from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

import msgspec

from auth_service.accounts.domain import Account
from shared.errors import Forbidden, NotFound, Unauthenticated
from shared.security.principal import SessionId

GRACE = timedelta(seconds=10)
"""How long a used refresh token is still taken: three open tabs must not log a user out."""
AUTHENTICATED_RECENTLY = timedelta(minutes=10)
"""How long a proof of identity is good enough for what is dangerous."""


class Method(StrEnum):
    """How somebody proved who they are (RFC 8176; `guest` and `fed` are our own)."""

    PASSWORD = "pwd"  # noqa: S105 - the name of a method
    OTP = "otp"
    RECOVERY_CODE = "kba"
    PASSKEY = "hwk"
    SOCIAL = "fed"
    GUEST = "guest"


class TokenPlace(StrEnum):
    """Where a client wants its refresh token: in the body, or as a cookie (see `delivery.py`)."""

    BODY = "body"
    COOKIE = "cookie"


SECOND_FACTORS = frozenset({Method.OTP, Method.RECOVERY_CODE, Method.PASSKEY})
"""Methods that are enough beside, or in place of, a password."""


class WrongCredentials(Unauthenticated):
    """No account has this name and password; which of the two is wrong is not said."""

    code, title = "wrong_credentials", "The user name or the password is wrong"


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token was never ours, or its session is long over."""

    code, title = "refresh_token_invalid", "The refresh token is not valid"


class RefreshTokenExpired(Unauthenticated):
    """Nobody used the session for longer than SESSION_IDLE_DAYS."""

    code, title = "refresh_token_expired", "The session was not used for too long; log in again"


class SessionTooOld(Unauthenticated):
    """The session began longer than SESSION_MAX_DAYS ago."""

    code, title = "session_expired", "The session has lasted as long as one may; log in again"


class RefreshTokenReused(Unauthenticated):
    """A refresh token came a second time: one of two holders stole it, so both are out."""

    code, title = "refresh_token_reused", "The refresh token was used before; log in again"


class RefreshTokenRevoked(Unauthenticated):
    """The session was ended by a log-out or for safety."""

    code, title = "session_revoked", "The session has ended"


class RefreshTokenMissing(Unauthenticated):
    """Neither a body nor a cookie brought a refresh token: nobody is logged in here."""

    code, title = "refresh_token_missing", "There is no refresh token in the body or the cookie"


class ForeignOrigin(Forbidden):
    """A page of another site tried to use the refresh cookie of its visitor, or to set one."""

    code, title = "foreign_origin", "Pages of this origin may not use the refresh cookie"


class SecondFactorRequired(Unauthenticated):
    """The first factor was right; `challenge` is the ticket for the second one."""

    code, title = "second_factor_required", "A second factor is required"


class ReauthenticationRequired(Forbidden):
    """The session is good; this needs a fresh proof of who is there."""

    code, title = "reauthentication_required", "Prove once more who you are"


class Proof(msgspec.Struct, frozen=True):
    """When and how somebody last proved who they are."""

    at: datetime
    methods: tuple[Method, ...]

    def is_enough(self, now: datetime, *, two_steps: bool) -> bool:
        """Whether it lets them do what is dangerous; `two_steps` asks for a second factor."""
        if now - self.at > AUTHENTICATED_RECENTLY:
            return False
        return not two_steps or not SECOND_FACTORS.isdisjoint(self.methods)


class SessionNotFound(NotFound):
    """No session of the caller's that is under way has the id."""

    code, title = "session_not_found", "There is no such session"


class SessionLimits(msgspec.Struct, frozen=True):
    """How long a session lasts: at most, and without being used."""

    age: timedelta
    inactivity: timedelta


class Session(msgspec.Struct, frozen=True):
    """A session under way; it ends at `ends_at` at the latest, and sooner when it is not used."""

    id: SessionId
    created_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    address: str
    user_agent: str
    methods: tuple[str, ...]


class RefreshToken(msgspec.Struct, frozen=True):
    """A stored refresh token with its session's state and its owner."""

    session_id: SessionId
    account: Account
    expires_at: datetime
    session_expires_at: datetime
    used_at: datetime | None
    session_revoked_at: datetime | None


class Use(Enum):
    """What the use of a refresh token means."""

    GOOD = auto()
    REVOKED = auto()
    TOO_OLD = auto()
    EXPIRED = auto()
    REUSED = auto()


def judge(token: RefreshToken, now: datetime) -> Use:
    """What it means that `token` is used now."""
    if token.session_revoked_at is not None:
        return Use.REVOKED
    if token.session_expires_at <= now:
        return Use.TOO_OLD
    if token.expires_at <= now:
        return Use.EXPIRED
    if token.used_at is not None and now - token.used_at > GRACE:
        return Use.REUSED
    return Use.GOOD
