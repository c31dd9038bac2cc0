"""The composition root: builds every object of the process that answers for jobs."""

from collections.abc import Callable

import httpx

from jobs_service.burn_in import building as burn_in
from jobs_service.captions import building as captions
from jobs_service.credits import building as credit
from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from jobs_service.database import open_database
from jobs_service.feature import Base, JobsFeature
from jobs_service.generation import building as generation
from jobs_service.idempotency.repository import IdempotencyKeys
from jobs_service.idempotency.use_cases import SECONDS_BETWEEN_CLEANINGS
from jobs_service.jobs.endpoints import JobEndpoints
from jobs_service.jobs.estimate import EstimateEndpoints
from jobs_service.jobs.submit import RetryJob, SubmitJob
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.jobs.waiting import EstimateWait
from jobs_service.parts import building as parts
from jobs_service.payments import building as payments
from jobs_service.people import building as people
from jobs_service.settings import JobsSettings
from jobs_service.subscriptions import subscriptions
from jobs_service.tracks import building as tracks
from jobs_service.translation import building as translation
from jobs_service.webhooks import building as webhooks
from jobs_service.work.use_cases import SECONDS_BETWEEN_SWEEPS, SweepJobs
from shared.clock import Clock, SystemClock
from shared.db.migrations import require_migrated
from shared.http.application import build_app
from shared.messaging.broker import Broker
from shared.messaging.inbox import SECONDS_BETWEEN_PRUNINGS, Inbox, InboxPruner
from shared.messaging.purge import SECONDS_BETWEEN_PURGES, PurgeDeadLetters
from shared.messaging.relay import Relay
from shared.runtime.periodic import periodic
from shared.runtime.service import Component, Service
from shared.security.verification import remote_verification

FEATURES: tuple[Callable[[Base], JobsFeature], ...] = (
    burn_in.build,
    captions.build,
    tracks.build,
    credit.build,
    generation.build,
    parts.build,
    payments.build,
    people.build,
    translation.build,
    webhooks.build,
)


def build(
    settings: JobsSettings,
    broker: Broker,
    *,
    auth: httpx.AsyncClient,
    clock: Clock | None = None,
) -> Service:
    """The HTTP process: jobs, credits and captions, the relay and the sweeper.

    `auth` is a client of that service, which is closed at the end.
    """
    clock = clock or SystemClock()
    database = open_database(settings)
    secret = settings.secret_key.get_secret_value()
    verification = remote_verification("jobs", secret, auth, clock)
    heard = subscriptions(
        Inbox(database),
        GrantWelcomeCredits(settings.welcome_credits),
        GrantGuestCredits(settings.guest_credits),
    )
    broker.subscribe(verification.broadcast, *heard)
    base = Base(settings, database, clock)
    features = [make(base) for make in FEATURES]
    kinds = {kind.request: kind for made in features for kind in made.kinds}
    submit = SubmitJob(database, kinds, clock)
    checks = {"database": database.ping, "broker": broker.ping}
    app = build_app(
        "jobs",
        endpoints=[
            JobEndpoints(
                database,
                base.cursors("cursors"),
                submit,
                base.find_job,
                CancelJob(database),
                RetryJob(base.find_job, submit),
                EstimateWait(database, clock),
            ),
            EstimateEndpoints(database, kinds),
            *(group for made in features for group in made.endpoints),
        ],
        authenticate=verification.verifier,
        checks=checks,
    )
    sweep, keys = SweepJobs(database, settings.job_attempts), IdempotencyKeys(database)
    return Service(
        "jobs",
        app,
        components=(
            verification.component,
            Component("relay", Relay(database, broker).run),
            periodic("inbox-pruner", SECONDS_BETWEEN_PRUNINGS, InboxPruner(database).prune),
            periodic("sweeper", SECONDS_BETWEEN_SWEEPS, sweep),
            periodic("key-cleaner", SECONDS_BETWEEN_CLEANINGS, keys.forget_old),
            periodic(
                "purge", SECONDS_BETWEEN_PURGES, PurgeDeadLetters(database, broker, heard).purge
            ),
            *(one for made in features for one in made.components),
        ),
        before_start=(
            require_migrated(database, "jobs_service"),
            *(one for made in features for one in made.before_start),
        ),
        checks=checks,
        close=(
            *(one for made in features for one in made.close),
            base.texts.aclose,
            auth.aclose,
            database.close,
        ),
    )
