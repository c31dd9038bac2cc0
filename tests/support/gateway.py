"""The gateway with a key that tests sign with, in front of whatever they put behind it."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import msgspec
from starlette.types import ASGIApp

from gateway.access_log import AccessLog
from gateway.api_keys import ApiKeys, Exchange
from gateway.cache.cache import Cache
from gateway.client_address import ClientAddresses
from gateway.cors import Cors
from gateway.identity import Identity
from gateway.metrics.requests import RequestMetrics
from gateway.networks import Network
from gateway.pipeline import Gateway, Policies, Records
from gateway.rate_limits.building import unlimited
from gateway.rate_limits.limits import RateLimits
from gateway.routes import Routes
from shared.clock import SystemClock
from shared.security.api_keys import KeyExchange, Refusal
from shared.security.keys import SigningKey, VerificationKey
from shared.security.principal import Principal, SessionId, UserId
from shared.security.revocations import Revocations
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.tokens import AUDIENCE, ISSUER, AccessClaims, sign
from shared.security.verifier import TokenVerifier

ORIGIN = "https://app.example"
CLOCK = SystemClock()
KEY = SigningKey.generate()
USER = Principal(UserId(uuid4()), SessionId(uuid4()))


def lasting_token() -> str:
    """An access token of `USER` that outlives any run of the tests."""
    now = int(CLOCK.now().timestamp())
    who = {"jti": uuid4().hex, "sub": USER.id, "sid": USER.session_id}
    said = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 24 * 3600}
    return sign(msgspec.convert(said | who, AccessClaims), KEY)


TOKEN = lasting_token()
MAX_BODY = 64 * 1024
MAX_UPLOAD = 1024 * 1024 * 1024


class KnownKeys:
    """The key of these tests and no other; it can be `withdrawn`."""

    def __init__(self) -> None:
        self._on_withdrawn: list[Callable[[str], None]] = []

    async def find(self, kid: str) -> VerificationKey | None:
        return KEY.verification if kid == KEY.kid else None

    def on_withdrawn(self, told: Callable[[str], None]) -> None:
        """Call `told` with its id."""
        self._on_withdrawn.append(told)

    def withdrawn(self) -> None:
        """Tell those who rely on the key that it is published no more."""
        for told in self._on_withdrawn:
            told(KEY.kid)


def verifier() -> TokenVerifier:
    services = ServiceTokenVerifier("s" * 32, "gateway", CLOCK)
    return TokenVerifier(KnownKeys(), Revocations(CLOCK), services, CLOCK)


async def no_api_keys(key: str) -> KeyExchange:
    """What auth says of keys when nobody has made one."""
    return KeyExchange(refusal=Refusal.UNKNOWN)


def gateway(
    upstreams: Mapping[str, ASGIApp],
    *,
    own: Mapping[str, ASGIApp] | None = None,
    access_log: AccessLog | None = None,
    limits: RateLimits | None = None,
    metrics: RequestMetrics | None = None,
    trusted_proxies: tuple[Network, ...] = (),
    verified_by: TokenVerifier | None = None,
    exchange: Exchange = no_api_keys,
) -> Gateway:
    """The gateway in front of `upstreams`, without a service behind it; no limits and no trusted
    proxies unless given."""
    token_verifier = verified_by or verifier()
    policies = Policies(
        Cors([ORIGIN]),
        Routes(upstreams, own or {}, max_body=MAX_BODY, max_upload=MAX_UPLOAD),
        ClientAddresses(trusted_proxies),
        limits or unlimited(),
        Identity(token_verifier, ApiKeys(exchange, token_verifier, CLOCK)),
        Cache(5.0, 2**25, CLOCK),
    )
    records = Records(metrics or RequestMetrics(), access_log)
    return Gateway(policies, records, CLOCK, https_only=False)


def everywhere(app: ASGIApp) -> dict[str, ASGIApp]:
    return {"auth": app, "content": app, "jobs": app}
