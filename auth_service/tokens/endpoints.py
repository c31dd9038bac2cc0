"""What other processes need to verify tokens: public keys, and the sessions that have ended."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.revocations import revoked_lately
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import Unavailable
from shared.http.endpoint import endpoint
from shared.observability.logging import get_logger
from shared.security.jwks import JWKS_PATH, Jwk, Jwks
from shared.security.principal import CallingService
from shared.security.revocations import REVOCATIONS_PATH, Revocation, RevocationList

log = get_logger(__name__)

_EXAMPLE_KEY = Jwk(
    kty="OKP",
    kid="kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    crv="Ed25519",
    x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
)
_EXAMPLE_REVOCATION = Revocation(
    UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"), datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
)


@dataclass(frozen=True, slots=True)
class TokenEndpoints:
    """Published keys and revocations."""

    keys: KeyRing
    database: Database
    clock: Clock

    @endpoint(
        "GET",
        JWKS_PATH,
        summary="Read the public keys of access tokens",
        tag="auth",
        example=Jwks((_EXAMPLE_KEY,)),
    )
    async def jwks(self) -> Jwks:
        """A JSON Web Key Set (RFC 7517), as it is now: who asks may have heard of a change that
        this process has yet to hear of."""
        try:
            await self.keys.load()
        except Unavailable as error:  # tokens are verified while the database is away
            log.warning("keys_not_loaded", error=error.detail)
        return self.keys.published()

    @endpoint(
        "GET",
        REVOCATIONS_PATH,
        summary="List the sessions that ended while their access tokens may still be about",
        tag="internal",
        example=RevocationList((_EXAMPLE_REVOCATION,)),
    )
    async def revocations(self, caller: CallingService) -> RevocationList:
        """For every process that verifies tokens, at its start and once a minute."""
        return RevocationList(tuple(await revoked_lately(self.database, self.clock.now())))
