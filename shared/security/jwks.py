"""Published keys: the JWK form (RFC 7517, RFC 8037) and a cached set fetched from auth."""

import asyncio
from collections.abc import Callable

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.utils import base64url_decode

from shared.clock import Clock
from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.security.keys import VerificationKey, encode_base64url

log = get_logger(__name__)

JWKS_PATH = "/.well-known/jwks.json"
SECONDS_BETWEEN_FETCHES = 10.0
SECONDS_AFTER_A_FAILURE = 1.0


class KeysUnavailable(Unavailable):
    """The key of a token is not known here and auth cannot be asked for it."""

    code, title = "keys_unavailable", "Access tokens cannot be verified right now"


class Jwk(msgspec.Struct, frozen=True):
    """A public key as it is published; a key of another kind has no `crv` or `x`."""

    kty: str
    kid: str = ""
    crv: str = ""
    x: str = ""
    use: str = "sig"
    alg: str = "EdDSA"


class Jwks(msgspec.Struct, frozen=True):
    """The published set of keys."""

    keys: tuple[Jwk, ...]


def to_jwk(key: VerificationKey) -> Jwk:
    """`key` as it is published."""
    x = encode_base64url(key.public.public_bytes_raw())
    return Jwk(kty="OKP", kid=key.kid, crv="Ed25519", x=x)


def from_jwk(jwk: Jwk) -> VerificationKey | None:
    """The key, or None when it is of a kind that we do not verify with; ValueError when broken."""
    if (jwk.kty, jwk.crv, jwk.use) != ("OKP", "Ed25519", "sig") or not jwk.kid:
        return None
    return VerificationKey(jwk.kid, Ed25519PublicKey.from_public_bytes(base64url_decode(jwk.x)))


class KeySet:
    """The keys that auth publishes, fetched when an unknown one is asked for.

    `auth` is a client whose base URL is the auth service. A flood of tokens with invented key ids
    costs auth one request in ten seconds; keys once known stay usable while auth is away.
    """

    def __init__(self, auth: httpx.AsyncClient, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._keys: dict[str, VerificationKey] = {}
        self._next_fetch = float("-inf")
        self._failed = False
        self._fetching = asyncio.Lock()
        self._on_withdrawn: list[Callable[[str], None]] = []

    def on_withdrawn(self, told: Callable[[str], None]) -> None:
        """Call `told` with the id of each key that is published no more."""
        self._on_withdrawn.append(told)

    async def find(self, kid: str) -> VerificationKey | None:
        """The published key of that id, or None; raises `KeysUnavailable` when auth is away."""
        if kid not in self._keys:
            await self._fetch_if_due()
        key = self._keys.get(kid)
        if key is None and self._failed:
            raise KeysUnavailable
        return key

    async def refresh(self) -> None:
        """Fetch the set anew, which forgets withdrawn keys; a failure keeps the old set."""
        async with self._fetching:
            await self._fetch()

    async def _fetch_if_due(self) -> None:
        # Those who wait here while another fetches find the next fetch not yet due.
        async with self._fetching:
            if self._clock.monotonic() >= self._next_fetch:
                await self._fetch()

    async def _fetch(self) -> None:
        try:
            response = await self._auth.get(JWKS_PATH)
            response.raise_for_status()
            published = msgspec.json.decode(response.content, type=Jwks)
            found = [from_jwk(jwk) for jwk in published.keys]
        except (httpx.HTTPError, msgspec.MsgspecError, ValueError) as error:
            log.warning("jwks_not_fetched", error=repr(error), keys_kept=len(self._keys))
            self._failed = True
            self._next_fetch = self._clock.monotonic() + SECONDS_AFTER_A_FAILURE
        else:
            withdrawn = self._keys.keys() - {key.kid for key in found if key is not None}
            self._keys = {key.kid: key for key in found if key is not None}
            self._failed = False
            self._next_fetch = self._clock.monotonic() + SECONDS_BETWEEN_FETCHES
            for kid in withdrawn:
                log.info("key_withdrawn", kid=kid)
                for told in self._on_withdrawn:
                    told(kid)
