"""Signed tokens: what they say, how they are made, and how they are opened.

A token is a JWT signed with EdDSA over Ed25519 (RFC 7519, RFC 8037); nothing else is accepted,
whatever its header asks for (RFC 8725, 3.1).
"""

import base64
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import jwt
import msgspec

from shared.clock import Clock
from shared.errors import Unauthenticated
from shared.security.keys import SigningKey, VerificationKey
from shared.security.principal import Principal

ISSUER = "madang"
AUDIENCE = "madang"
ALGORITHM = "EdDSA"
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
CLOCK_SKEW = timedelta(seconds=30)
"""How far the clocks of two machines may differ before a new token seems to be of the future."""
MAX_TOKEN_BYTES = 4096

_INVALID_TOKEN = {"www-authenticate": 'Bearer realm="madang", error="invalid_token"'}


class RefusedToken(Unauthenticated):
    """A token was sent and is refused; the header says so to clients (RFC 6750, 3.1)."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers=_INVALID_TOKEN)


class TokenInvalid(RefusedToken):
    """The token is not one of ours."""

    code, title = "token_invalid", "The token is not valid"


class TokenExpired(RefusedToken):
    """The token was ours; its time is over and a refresh gets a new one."""

    code, title = "token_expired", "The token has expired"


class Claims(msgspec.Struct, frozen=True):
    """What every token says; times are Unix seconds."""

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str


class AccessClaims(Claims, frozen=True, kw_only=True):
    """What an access token says about its owner `sub` and session `sid`."""

    sub: UUID
    sid: UUID
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    guest: bool = False
    api_key: bool = False


class TokenIssuer:
    """Signs access tokens."""

    def __init__(self, key: SigningKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def issue(self, principal: Principal, lifetime: timedelta = ACCESS_TOKEN_LIFETIME) -> str:
        """An access token for `principal`, good for `lifetime` from now; never longer than 15
        minutes, for which revocations are remembered."""
        now = self._clock.now()
        claims = AccessClaims(
            iss=ISSUER,
            aud=AUDIENCE,
            iat=int(now.timestamp()),
            exp=int((now + min(lifetime, ACCESS_TOKEN_LIFETIME)).timestamp()),
            jti=uuid4().hex,
            sub=principal.id,
            sid=principal.session_id,
            roles=principal.roles,
            scopes=principal.scopes,
            guest=principal.guest,
            api_key=principal.api_key,
        )
        return sign(claims, self._key)


C = TypeVar("C", bound=Claims)
_jws = jwt.PyJWS(algorithms=[ALGORITHM])


def sign(claims: Claims, key: SigningKey) -> str:
    """The compact form of a token that says `claims`."""
    payload = msgspec.json.encode(claims)
    return _jws.encode(payload, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})


def key_id(token: str) -> str:
    """The `kid` in the header of `token`, unverified; raises `TokenInvalid`.

    Of the header only `alg` and `kid` are read: keys it carries or points to (`jwk`, `jku`,
    `x5u`) are never looked at (RFC 8725, 3.10).
    """
    header = _unverified_header(token)
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM:
        raise TokenInvalid(f"Only tokens signed with {ALGORITHM} are accepted.")
    if not isinstance(kid, str):
        raise TokenInvalid("The token does not name its key.")
    return kid


def _unverified_header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise TokenInvalid
    try:
        return _jws.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise TokenInvalid from None


def open_token(
    token: str, key: VerificationKey, wanted: type[C], *, issuer: str, audience: str, clock: Clock
) -> C:
    """The verified claims of `token`; raises `TokenInvalid` or `TokenExpired`."""
    try:
        payload: bytes = _jws.decode(token, key.public, algorithms=[ALGORITHM])
        claims = msgspec.json.decode(payload, type=wanted)
    except (jwt.InvalidTokenError, msgspec.MsgspecError):
        raise TokenInvalid from None
    if claims.iss != issuer or claims.aud != audience:
        raise TokenInvalid("The token was made by or for somebody else.")
    now = clock.now().timestamp()
    if claims.exp <= now:
        raise TokenExpired
    if claims.iat > now + CLOCK_SKEW.total_seconds():
        raise TokenInvalid("The token is of the future.")
    return claims


def expiry_of(token: str) -> int:
    """When a token that has been verified ends, in Unix seconds; nothing is verified here."""
    payload = token.split(".")[1]
    padded = payload + "=" * (-len(payload) % 4)
    return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Claims).exp
