"""The composition root: builds every object of the auth service."""

from collections.abc import Awaitable, Callable, Sequence

from auth_service.accounts.endpoints import AccountEndpoints
from auth_service.accounts.passwords import Passwords, common_passwords
from auth_service.accounts.use_cases import ReadAccount, RegisterAccount
from auth_service.sessions.endpoints import SessionEndpoints
from auth_service.sessions.pruner import SECONDS_BETWEEN_PRUNINGS, SessionPruner
from auth_service.sessions.repository import Sessions
from auth_service.sessions.use_cases import EndSession, IssueTokens, LogIn, LogOut, RefreshSession
from auth_service.settings import AuthSettings
from auth_service.tokens.endpoints import TokenEndpoints
from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.seal import Seal
from shared.clock import Clock, SystemClock
from shared.db.database import Database
from shared.db.migrations import require_migrated
from shared.http.application import build_app
from shared.messaging.broker import Broker
from shared.messaging.relay import Relay
from shared.runtime.periodic import periodic
from shared.runtime.service import Component, Service
from shared.security.revocations import Revocation, Revocations, revocation_listener
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.verifier import TokenVerifier

SCHEMA = "auth"


def build(settings: AuthSettings, broker: Broker, *, clock: Clock | None = None) -> Service:
    """The auth service; `broker` is run by whoever runs the process."""
    clock = clock or SystemClock()
    secret = settings.secret_key.get_secret_value()
    database = Database(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        source="auth",
        pool_size=settings.database_pool_size,
    )
    keys = KeyRing(database, Seal(secret), clock)
    revocations = Revocations(clock)
    revoked_lately = _revoked_lately(database, clock)
    broadcast, listener = revocation_listener("auth", revocations, revoked_lately, keys.load)
    broker.subscribe(broadcast)

    passwords = Passwords()
    issue = IssueTokens(keys, clock)
    end_session = EndSession(database, revocations, clock)
    checks = {"database": database.ping, "broker": broker.ping}
    app = build_app(
        "auth",
        endpoints=[
            AccountEndpoints(
                RegisterAccount(database, passwords, clock),
                ReadAccount(database),
                common_passwords(),
            ),
            SessionEndpoints(
                LogIn(database, passwords, issue, clock),
                RefreshSession(database, issue, end_session, clock),
                LogOut(database, end_session),
            ),
            TokenEndpoints(keys, revoked_lately),
        ],
        authenticate=TokenVerifier(
            keys, revocations, ServiceTokenVerifier(secret, "auth", clock), clock
        ),
        checks=checks,
    )
    return Service(
        "auth",
        app,
        components=(
            listener,
            Component("relay", Relay(database, broker).run),
            periodic(
                "session-pruner", SECONDS_BETWEEN_PRUNINGS, SessionPruner(database, clock).prune
            ),
        ),
        before_start=(require_migrated(database, "auth_service"), keys.load),
        checks=checks,
        close=(passwords.close, database.close),
    )


def _revoked_lately(
    database: Database, clock: Clock
) -> Callable[[], Awaitable[Sequence[Revocation]]]:
    async def read() -> Sequence[Revocation]:
        return await Sessions(database).revoked_lately(clock.now())

    return read
