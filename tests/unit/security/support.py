"""What the tests of this folder build tokens and verifiers from."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import jwt
import msgspec

from shared.clock import Clock
from shared.security.keys import SigningKey, VerificationKey
from shared.security.principal import Principal, SessionId, UserId
from shared.security.revocations import Revocations
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.verifier import TokenVerifier

SECRET = "a secret of the whole installation, long enough"


class KnownKeys:
    """A fixed set of trusted keys that counts how often it is asked."""

    def __init__(self, *keys: SigningKey) -> None:
        self._keys = {key.kid: key.verification for key in keys}
        self.asked = 0

    async def find(self, kid: str) -> VerificationKey | None:
        """The key of that id."""
        self.asked += 1
        return self._keys.get(kid)

    def on_withdrawn(self, told: Callable[[str], None]) -> None:
        """Nothing is ever withdrawn."""


def a_principal(**fields: object) -> Principal:
    """Somebody with a session of their own."""
    return msgspec.structs.replace(Principal(UserId(uuid4()), SessionId(uuid4())), **fields)


def a_verifier(
    clock: Clock, *keys: SigningKey, revocations: Revocations | None = None
) -> TokenVerifier:
    """The verifier of the service `content` that trusts `keys`."""
    if revocations is None:
        revocations = Revocations(clock)
    services = ServiceTokenVerifier(SECRET, "content", clock)
    return TokenVerifier(KnownKeys(*keys), revocations, services, clock)


def signed(key: SigningKey, claims: Mapping[str, object], **header: object) -> str:
    """Any claims under any header, truly signed with `key`."""
    return jwt.PyJWS().encode(
        msgspec.json.encode(claims), key.private, algorithm="EdDSA",
        headers={"kid": key.kid, **header},
    )  # fmt: skip
