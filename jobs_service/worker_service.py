"""The composition root of a worker: builds every object of a process that runs jobs."""

import os
import socket
from collections.abc import Callable, Mapping

import httpx

from jobs_service.burn_in import building as burn_in
from jobs_service.captions import building as captions
from jobs_service.database import open_database
from jobs_service.feature import WorkerBase
from jobs_service.generation import building as generation
from jobs_service.generation.providers import build_providers
from jobs_service.settings import JobsSettings
from jobs_service.translation import building as translation
from jobs_service.work.building import build_recognition
from jobs_service.work.performing import Perform
from jobs_service.work.progress import ProgressReports
from jobs_service.work.sources import Sources
from jobs_service.work.subscriptions import broadcasts
from jobs_service.work.worker import Worker, WorkerLimits
from shared.clock import Clock, SystemClock
from shared.db.migrations import require_migrated
from shared.http.application import health_app
from shared.messaging.broker import Broker
from shared.messaging.relay import Relay
from shared.runtime.children import Limits
from shared.runtime.service import Component, Service
from shared.security.service_tokens import ServiceAuth, ServiceTokens
from shared.storage.scratch import Scratch

PERFORMERS: tuple[Callable[[WorkerBase], Mapping[str, Perform]], ...] = (
    burn_in.performers,
    captions.performers,
    generation.performers,
    translation.performers,
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
    clock = clock or SystemClock()
    database = open_database(settings)
    tokens = ServiceTokens(settings.secret_key.get_secret_value(), "jobs", clock)
    content.auth = ServiceAuth(tokens, "content")
    scratch = Scratch("source", settings.work_dir)
    limits = Limits(
        memory_bytes=settings.job_memory_bytes,
        cpu_seconds=int(settings.job_time_limit_seconds),
        wall_seconds=settings.job_time_limit_seconds,
    )
    texts = build_providers(settings)
    name = f"{socket.gethostname()}-{os.getpid()}"
    sources = Sources(content, scratch)
    recognition = build_recognition(settings, database, broker, sources, scratch, limits, name)
    base = WorkerBase(settings, database, clock, sources, limits, texts, recognition.video)
    worker = Worker(
        database,
        name,
        settings.running_jobs_per_user,
        WorkerLimits(
            settings.worker_concurrency,
            settings.job_attempts,
            settings.lease_seconds,
            settings.job_time_limit_seconds,
        ),
        {name: perform for made in PERFORMERS for name, perform in made(base).items()},
        ProgressReports(broker),
        recognition.helping,
    )
    broker.subscribe(*broadcasts(worker, recognition.helping, recognition.news))
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
        close=(recognition.sounds.close, texts.aclose, content.aclose, database.close),
    )
