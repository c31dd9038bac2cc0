"""The composition root: builds every object of the auth service."""

from collections.abc import Callable, Mapping, Sequence

import httpx

from auth_service.accounts import building as accounts
from auth_service.administration import building as administration
from auth_service.api_keys import building as api_keys
from auth_service.events import SessionRevoked
from auth_service.exports import building as exports
from auth_service.factors import building as factors
from auth_service.feature import Base
from auth_service.guests import building as guests
from auth_service.mail import building as mail
from auth_service.passkeys import building as passkeys
from auth_service.privacy import building as privacy
from auth_service.profiles import building as profiles
from auth_service.proofs import building as proofs
from auth_service.recovery import building as recovery
from auth_service.recovery_codes import building as recovery_codes
from auth_service.removals import building as removals
from auth_service.sessions import building as sessions
from auth_service.settings import AuthSettings
from auth_service.social import building as social
from auth_service.tokens import building as tokens
from auth_service.tokens.revocations import revoked_lately
from auth_service.totp import building as totp
from shared.clock import Clock, SystemClock
from shared.db.database import Database
from shared.db.migrations import require_migrated
from shared.http.application import build_app
from shared.messaging.broker import Broker
from shared.messaging.event import IntegrationEvent
from shared.messaging.relay import Relay
from shared.runtime.feature import Feature
from shared.runtime.service import Component, Service
from shared.security.revocations import Revocation, Revocations, revocation_listener
from shared.security.service_tokens import ServiceAuth, ServiceTokens, ServiceTokenVerifier
from shared.security.verifier import TokenVerifier

SCHEMA = "auth"
FEATURES: tuple[Callable[[Base], Feature], ...] = (
    accounts.build,
    sessions.build,
    recovery.build,
    proofs.build,
    factors.build,
    totp.build,
    recovery_codes.build,
    passkeys.build,
    social.build,
    guests.build,
    api_keys.build,
    profiles.build,
    exports.build,
    privacy.build,
    administration.build,
    tokens.build,
    mail.build,
    removals.build,
)


def build(
    settings: AuthSettings,
    broker: Broker,
    *,
    peers: Mapping[str, httpx.AsyncClient],
    clock: Clock | None = None,
) -> Service:
    """The auth service; `broker` is run by whoever runs the process.

    `peers` are clients of the services `content` and `jobs`, which are closed at the end.
    """
    clock = clock or SystemClock()
    secret = settings.secret_key.get_secret_value()
    database = Database(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        source="auth",
        pool_size=settings.database_pool_size,
        hot_size=max(1, settings.database_pool_size // 2),
    )
    service_tokens = ServiceTokens(secret, "auth", clock)
    for name, peer in peers.items():
        peer.auth = ServiceAuth(service_tokens, name)
    base = Base(settings, database, peers, clock)
    database.on_announced(_refuse_revoked(base.revocations))

    async def recent_revocations() -> Sequence[Revocation]:
        return await revoked_lately(database, clock.now())

    broadcast, listener = revocation_listener(
        "auth", base.revocations, recent_revocations, base.keys.load
    )
    features = [make(base) for make in FEATURES]
    broker.subscribe(broadcast)
    checks = {"database": database.ping, "broker": broker.ping}
    app = build_app(
        "auth",
        endpoints=[group for made in features for group in made.endpoints],
        authenticate=TokenVerifier(
            base.keys, base.revocations, ServiceTokenVerifier(secret, "auth", clock), clock
        ),
        checks=checks,
    )
    return Service(
        "auth",
        app,
        components=(
            listener,
            Component("relay", Relay(database, broker).run),
            *(one for made in features for one in made.components),
        ),
        before_start=(
            require_migrated(database, "auth_service"),
            base.keys.load,
            *(one for made in features for one in made.before_start),
        ),
        checks=checks,
        close=(
            *(one for made in features for one in made.close),
            base.passwords.close,
            *(peer.aclose for peer in peers.values()),
            database.close,
        ),
    )


def _refuse_revoked(
    revocations: Revocations,
) -> Callable[[Sequence[IntegrationEvent]], None]:
    """Lets this process refuse what it has revoked itself without waiting for the event."""

    def told(events: Sequence[IntegrationEvent]) -> None:
        for event in events:
            if isinstance(event, SessionRevoked):
                revocations.add(Revocation(event.session_id, event.revoked_at))

    return told
