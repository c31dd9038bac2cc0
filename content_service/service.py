"""The composition root: builds every object of the content service."""

from collections.abc import Callable

import httpx

from content_service.copies import building as copies
from content_service.feature import Base
from content_service.links import building as links
from content_service.people import building as people
from content_service.reconciling import building as reconciling
from content_service.settings import ContentSettings
from content_service.subscriptions import subscriptions
from content_service.uploads import building as uploads
from content_service.videos import building as videos
from content_service.videos.use_cases import EraseOwner
from shared.clock import Clock, SystemClock
from shared.db.database import Database
from shared.db.migrations import require_migrated
from shared.http.application import build_app
from shared.messaging.broker import Broker
from shared.messaging.inbox import SECONDS_BETWEEN_PRUNINGS, Inbox, InboxPruner
from shared.messaging.purge import SECONDS_BETWEEN_PURGES, PurgeDeadLetters
from shared.messaging.relay import Relay
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic
from shared.runtime.service import Component, Service
from shared.security.verification import remote_verification

SCHEMA = "content"
FEATURES: tuple[Callable[[Base], Feature], ...] = (
    videos.build,
    uploads.build,
    links.build,
    copies.build,
    reconciling.build,
    people.build,
)


def build(
    settings: ContentSettings,
    broker: Broker,
    *,
    auth: httpx.AsyncClient,
    clock: Clock | None = None,
) -> Service:
    """The content service; `broker` is run by whoever runs the process.

    `auth` is a client of that service, which is closed at the end.
    """
    clock = clock or SystemClock()
    database = Database(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        source="content",
        pool_size=settings.database_pool_size,
    )
    secret = settings.secret_key.get_secret_value()
    verification = remote_verification("content", secret, auth, clock)
    base = Base(settings, database, clock)
    features = [make(base) for make in FEATURES]
    heard = subscriptions(Inbox(database), EraseOwner(clock, base.to_empty.set))
    broker.subscribe(verification.broadcast, *heard)
    checks = {"database": database.ping, "broker": broker.ping, "storage": base.storage.check}
    app = build_app(
        "content",
        endpoints=[group for made in features for group in made.endpoints],
        authenticate=verification.verifier,
        checks=checks,
    )
    return Service(
        "content",
        app,
        components=(
            verification.component,
            Component("relay", Relay(database, broker).run),
            periodic("inbox-pruner", SECONDS_BETWEEN_PRUNINGS, InboxPruner(database).prune),
            periodic(
                "purge", SECONDS_BETWEEN_PURGES, PurgeDeadLetters(database, broker, heard).purge
            ),
            *(one for made in features for one in made.components),
        ),
        before_start=(
            require_migrated(database, "content_service"),
            *(one for made in features for one in made.before_start),
        ),
        checks=checks,
        close=(
            *(one for made in features for one in made.close),
            auth.aclose,
            database.close,
        ),
    )
