"""Tokens with which services call each other (docs/adr/0004-service-tokens.md)."""

from collections.abc import Generator
from datetime import timedelta
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.clock import Clock
from shared.security.keys import SigningKey, derive_key
from shared.security.principal import CallingService
from shared.security.tokens import Claims, TokenInvalid, key_id, open_token, sign

ISSUER = "madang-service"
LIFETIME = timedelta(seconds=60)
_RENEWED_BEFORE_EXPIRY = timedelta(seconds=10)


class ServiceClaims(Claims, frozen=True, kw_only=True):
    """What a service token says: `sub` is the name of the caller, `aud` that of the callee."""

    sub: str


class ServiceTokens:
    """Makes the tokens with which the service `caller` calls others."""

    def __init__(self, secret: str, caller: str, clock: Clock) -> None:
        self._key = _key_of(secret)
        self._caller = caller
        self._clock = clock
        self._made: dict[str, tuple[str, float]] = {}

    def for_service(self, callee: str) -> str:
        """A token that `callee` alone accepts, good for at least ten more seconds."""
        now = self._clock.now()
        token, renew_at = self._made.get(callee, ("", 0.0))
        if now.timestamp() < renew_at:
            return token
        expires = now + LIFETIME
        claims = ServiceClaims(
            iss=ISSUER,
            aud=callee,
            iat=int(now.timestamp()),
            exp=int(expires.timestamp()),
            jti=uuid4().hex,
            sub=self._caller,
        )
        token = sign(claims, self._key)
        self._made[callee] = token, int((expires - _RENEWED_BEFORE_EXPIRY).timestamp())
        return token


class ServiceAuth(httpx.Auth):
    """Lets an httpx client call `callee` as a service."""

    def __init__(self, tokens: ServiceTokens, callee: str) -> None:
        self._tokens = tokens
        self._callee = callee

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to a request."""
        request.headers["authorization"] = f"Bearer {self._tokens.for_service(self._callee)}"
        yield request


class ServiceTokenVerifier:
    """Accepts the tokens of services that call the service `callee`."""

    def __init__(self, secret: str, callee: str, clock: Clock) -> None:
        self._key = _key_of(secret).verification
        self._callee = callee
        self._clock = clock

    def verify(self, token: str) -> CallingService:
        """The caller; raises `TokenInvalid` or `TokenExpired`."""
        if key_id(token) != self._key.kid:
            raise TokenInvalid("This is not the token of a service of this installation.")
        claims = open_token(
            token, self._key, ServiceClaims,
            issuer=ISSUER, audience=self._callee, clock=self._clock,
        )  # fmt: skip
        return CallingService(claims.sub)


def _key_of(secret: str) -> SigningKey:
    return SigningKey.of(Ed25519PrivateKey.from_private_bytes(derive_key(secret, "service-tokens")))
