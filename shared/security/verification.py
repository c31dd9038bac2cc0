"""All that a process other than auth needs to verify tokens, composed in one place."""

from dataclasses import dataclass

import httpx

from shared.clock import Clock
from shared.messaging.broker import Broadcast
from shared.runtime.service import Component
from shared.security.jwks import KeySet
from shared.security.keys import Keys
from shared.security.revocations import Revocations, fetch_from_auth, revocation_listener
from shared.security.service_tokens import ServiceAuth, ServiceTokens, ServiceTokenVerifier
from shared.security.verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class Verification:
    """A verifier, and what keeps its keys and revoked sessions current."""

    verifier: TokenVerifier
    keys: Keys
    revocations: Revocations
    broadcast: Broadcast
    component: Component


def remote_verification(
    service: str, secret: str, auth: httpx.AsyncClient, clock: Clock
) -> Verification:
    """Verification for the process named `service`; `auth`'s base URL is the auth service."""
    keys = KeySet(auth, clock)
    revocations = Revocations(clock)
    credentials = ServiceAuth(ServiceTokens(secret, service, clock), "auth")
    broadcast, component = revocation_listener(
        service, revocations, fetch_from_auth(auth, credentials), keys.refresh
    )
    services = ServiceTokenVerifier(secret, service, clock)
    verifier = TokenVerifier(keys, revocations, services, clock)
    return Verification(verifier, keys, revocations, broadcast, component)
