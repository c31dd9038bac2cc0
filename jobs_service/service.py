"""The composition root: builds every object of the jobs service and of its worker."""

import os
import socket

import httpx

from jobs_service.captions.endpoints import CaptionEndpoints
from jobs_service.credits.endpoints import CreditEndpoints
from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from jobs_service.jobs.endpoints import JobEndpoints
from jobs_service.jobs.use_cases import CancelJob, FindJob, SubmitJob
from jobs_service.people.endpoints import PeopleEndpoints
from jobs_service.settings import JobsSettings
from jobs_service.subscriptions import subscriptions
from jobs_service.videos.use_cases import FindVideo
from jobs_service.work.caption import CaptionVideo
from jobs_service.work.progress import ProgressReports
from jobs_service.work.sources import Sources
from jobs_service.work.subscriptions import broadcasts
from jobs_service.work.use_cases import SECONDS_BETWEEN_SWEEPS, SweepJobs
from jobs_service.work.worker import Worker, WorkerLimits
from shared.clock import Clock, SystemClock
from shared.db.database import Database
from shared.db.migrations import require_migrated
from shared.http.application import build_app, health_app
from shared.http.paging import Cursors
from shared.messaging.broker import Broker
from shared.messaging.inbox import SECONDS_BETWEEN_PRUNINGS, Inbox, InboxPruner
from shared.messaging.purge import SECONDS_BETWEEN_PURGES, PurgeDeadLetters
from shared.messaging.relay import Relay
from shared.runtime.children import Limits
from shared.runtime.periodic import periodic
from shared.runtime.service import Component, Service
from shared.security.keys import derive_key
from shared.security.service_tokens import ServiceAuth, ServiceTokens
from shared.security.verification import remote_verification
from shared.storage.scratch import Scratch

SCHEMA = "jobs"


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
    database = _database(settings)
    secret = settings.secret_key.get_secret_value()
    verification = remote_verification("jobs", secret, auth, clock)
    heard = subscriptions(
        Inbox(database),
        GrantWelcomeCredits(settings.welcome_credits),
        GrantGuestCredits(settings.guest_credits),
    )
    broker.subscribe(verification.broadcast, *heard)
    cursors = Cursors(derive_key(secret, "jobs.cursors"))
    find_video, find_job = FindVideo(database), FindJob(database)
    checks = {"database": database.ping, "broker": broker.ping}
    app = build_app(
        "jobs",
        endpoints=[
            JobEndpoints(
                database,
                cursors,
                SubmitJob(database, find_video, clock),
                find_job,
                CancelJob(database),
            ),
            CaptionEndpoints(database, find_job),
            CreditEndpoints(database, cursors, find_video),
            PeopleEndpoints(database),
        ],
        authenticate=verification.verifier,
        checks=checks,
    )
    sweep = SweepJobs(database, settings.job_attempts)
    return Service(
        "jobs",
        app,
        components=(
            verification.component,
            Component("relay", Relay(database, broker).run),
            periodic("inbox-pruner", SECONDS_BETWEEN_PRUNINGS, InboxPruner(database).prune),
            periodic("sweeper", SECONDS_BETWEEN_SWEEPS, sweep),
            periodic(
                "purge", SECONDS_BETWEEN_PURGES, PurgeDeadLetters(database, broker, heard).purge
            ),
        ),
        before_start=(require_migrated(database, "jobs_service"),),
        checks=checks,
        close=(auth.aclose, database.close),
    )


def build_worker(
    settings: JobsSettings,
    broker: Broker,
    *,
    content: httpx.AsyncClient,
    clock: Clock | None = None,
) -> Service:
    """The worker process: claims jobs and runs them; it answers nothing but its health.

    `content` is a client of that service, which is closed at the end.
    """
    database = _database(settings)
    tokens = ServiceTokens(settings.secret_key.get_secret_value(), "jobs", clock or SystemClock())
    content.auth = ServiceAuth(tokens, "content")
    scratch = Scratch("source", settings.work_dir)
    limits = Limits(
        memory_bytes=settings.job_memory_bytes,
        cpu_seconds=int(settings.job_time_limit_seconds),
        wall_seconds=settings.job_time_limit_seconds,
    )
    worker = Worker(
        database,
        f"{socket.gethostname()}-{os.getpid()}",
        settings.running_jobs_per_user,
        WorkerLimits(
            settings.worker_concurrency,
            settings.job_attempts,
            settings.lease_seconds,
            settings.job_time_limit_seconds,
        ),
        CaptionVideo(Sources(content, scratch), limits),
        ProgressReports(broker),
    )
    broker.subscribe(*broadcasts(worker))
    checks = {"database": database.ping, "broker": broker.ping}
    return Service(
        "worker",
        health_app("worker", checks),
        components=(
            Component("relay", Relay(database, broker).run),
            Component("worker", worker.run),
        ),
        before_start=(scratch.sweep, require_migrated(database, "jobs_service")),
        checks=checks,
        close=(content.aclose, database.close),
    )


def _database(settings: JobsSettings) -> Database:
    return Database(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        source="jobs",
        pool_size=settings.database_pool_size,
    )
