"""The whole suite in one process: PostgreSQL from the wheel, broker in memory, local directory.

The same services as everywhere else; only what they are given differs: the in-process broker
instead of RabbitMQ, and each other's ASGI apps instead of addresses.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

import auth_service.service
import content_service.service
import gateway.service
import jobs_service.service
import jobs_service.worker_service
from auth_service.settings import AuthSettings
from content_service.settings import ContentSettings
from deploy.home import Home
from deploy.postgres.embedded import EmbeddedPostgres
from deploy.service_database import SERVICES
from gateway.settings import GatewaySettings
from jobs_service.settings import JobsSettings
from shared.db.migrations import migrate
from shared.http.clients import in_process
from shared.messaging.in_process import InProcessBroker
from shared.runtime.http_server import bind
from shared.runtime.memory import look_for_cycles_rarely
from shared.runtime.process import serve
from shared.runtime.service import Component, Service
from shared.settings import load

_POOL_SIZE = 8
"""Connections a service: one process with one core's work needs few."""


async def run_suite(
    home: Home, *, host: str, port: int, on_listening: Callable[[str], None]
) -> int:
    """Run everything until told to end; the exit code. Raises AlreadyRunning, BadSettings."""
    home.prepare()
    port = port or _free_port(host)  # known before links are made that hold it
    with home.claimed():

        def listening(url: str) -> None:
            home.announce(url)
            on_listening(url)

        postgres = await EmbeddedPostgres.start(home.postgres, roles=SERVICES)
        try:
            await asyncio.gather(
                *(migrate(postgres.url(name), f"{name}_service", name) for name in SERVICES)
            )
            suite = compose(home, postgres, f"http://{_reachable(host)}:{port}")
            look_for_cycles_rarely()
            return await serve(
                suite.services,
                suite.app,
                host=host,
                port=port,
                drain_seconds=suite.drain_seconds,
                on_listening=listening,
            )
        finally:
            await postgres.stop()


@dataclass(frozen=True, slots=True)
class Suite:
    """Every service of one process; `app` is the gateway, the only public door."""

    services: tuple[Service, ...]
    app: ASGIApp
    drain_seconds: float


def compose(home: Home, postgres: EmbeddedPostgres, address: str) -> Suite:
    """Build the suite on the data of `home`; it will answer at `address`. Raises BadSettings."""
    secret_key = home.secret_key()
    broker = InProcessBroker()

    def common(name: str) -> dict[str, object]:
        return {
            "secret_key": secret_key,
            "database_url": postgres.url(name),
            "database_pool_size": _POOL_SIZE,
            "amqp_url": "in-process:",
        }

    storage_url = home.storage.as_uri()
    apps: dict[str, ASGIApp] = {}  # auth knows those that know auth
    auth_settings = load(
        AuthSettings,
        storage_url=storage_url,
        work_dir=home.work,
        mail_outbox=home.mail,
        **common("auth"),
    )
    auth = auth_service.service.build(
        auth_settings.model_copy(update={"public_url": auth_settings.public_url or address}),
        broker,
        peers={name: in_process(_later(apps, name), name) for name in ("content", "jobs")},
    )
    content = content_service.service.build(
        load(ContentSettings, storage_url=storage_url, **common("content")),
        broker,
        auth=in_process(auth.app, "auth"),
    )
    job_settings = load(JobsSettings, work_dir=home.work, **common("jobs"))
    jobs = jobs_service.service.build(job_settings, broker, auth=in_process(auth.app, "auth"))
    worker = jobs_service.worker_service.build_worker(
        job_settings, broker, content=in_process(content.app, "content")
    )
    apps |= {"auth": auth.app, "content": content.app, "jobs": jobs.app}
    settings = load(GatewaySettings, secret_key=secret_key)
    door = gateway.service.build(
        settings,
        broker,
        upstreams=apps,
    )
    consumer = Service("broker", door.app, components=(Component("consumer", broker.run),))
    services = (auth, content, jobs, worker, consumer, door)
    return Suite(services, door.app, settings.drain_seconds)


def _reachable(host: str) -> str:
    """The host as a browser on this machine names it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not listened at
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _free_port(host: str) -> int:
    with bind(host, 0) as bound:
        port: int = bound.getsockname()[1]
        return port


def _later(apps: Mapping[str, ASGIApp], name: str) -> ASGIApp:
    """The app that `apps` will hold under `name` by the time of the first request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[name](scope, receive, send)

    return app
