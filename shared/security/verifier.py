"""Who holds this token? Asked at the gateway, and again by every service."""

from collections import OrderedDict
from typing import NamedTuple

from shared.clock import Clock
from shared.security.keys import Keys
from shared.security.principal import CallingService, Principal, SessionId, UserId
from shared.security.revocations import Revocations
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.tokens import (
    AUDIENCE,
    ISSUER,
    AccessClaims,
    RefusedToken,
    TokenInvalid,
    key_id,
    open_token,
)

MAX_CACHED = 10_000
"""Verified tokens kept; with the token itself about 1 KB each."""


class SessionRevoked(RefusedToken):
    """The session of the token has ended: the user must log in again."""

    code, title = "session_revoked", "The session has ended"


class _Verified(NamedTuple):
    principal: Principal
    expires: float


class TokenVerifier:
    """Verifies access tokens and service tokens; an `Authenticator`.

    A token is verified once and then remembered until it expires or its session is revoked.
    """

    def __init__(
        self, keys: Keys, revocations: Revocations, services: ServiceTokenVerifier, clock: Clock
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._services = services
        self._clock = clock
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        keys.on_withdrawn(self._forget)

    def cached(self, token: str) -> Principal | None:
        """The owner of a token verified before and still good, else None: ask `user` then."""
        known = self._verified.get(token)
        if known is None:
            return None
        if (
            known.expires <= self._clock.timestamp()
            or known.principal.session_id in self._revocations
        ):
            del self._verified[token]
            return None
        self._verified.move_to_end(token)
        return known.principal

    async def user(self, token: str) -> Principal:
        """The owner of an access token.

        Raises `TokenInvalid`, `TokenExpired` or `SessionRevoked` (all 401), and
        `KeysUnavailable` (503) when the key is unknown and auth cannot be asked.
        """
        if (known := self.cached(token)) is not None:
            return known
        claims = await self._open(token)
        principal = Principal(
            id=UserId(claims.sub),
            session_id=SessionId(claims.sid),
            roles=claims.roles,
            scopes=claims.scopes,
            guest=claims.guest,
            api_key=claims.api_key,
        )
        if principal.session_id in self._revocations:
            raise SessionRevoked
        self._verified[token] = _Verified(principal, claims.exp)
        if len(self._verified) > MAX_CACHED:
            self._verified.popitem(last=False)
        return principal

    async def service(self, token: str) -> CallingService:
        """The service that calls; raises `TokenInvalid` or `TokenExpired`."""
        return self._services.verify(token)

    def _forget(self, kid: str) -> None:
        """Verify all anew, since some may be signed with the key `kid`, which is withdrawn."""
        self._verified.clear()

    async def _open(self, token: str) -> AccessClaims:
        key = await self._keys.find(key_id(token))
        if key is None:
            raise TokenInvalid("The token is signed with a key that is not ours.")
        return open_token(
            token, key, AccessClaims, issuer=ISSUER, audience=AUDIENCE, clock=self._clock
        )
