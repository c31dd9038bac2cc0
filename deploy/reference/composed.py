"""Every process, built as it would be to run, to be asked what it is; nothing is connected to."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import httpx

import auth_service.service
import content_service.service
import gateway.service
import jobs_service.service
import jobs_service.worker_service
from auth_service.settings import AuthSettings
from content_service.settings import ContentSettings
from gateway.settings import GatewaySettings
from jobs_service.settings import JobsSettings
from shared.http.in_process import InProcessTransport
from shared.messaging.broker import Broadcast, Subscription
from shared.messaging.in_process import InProcessBroker
from shared.runtime.service import Service
from shared.settings import load

Document = dict[str, Any]
Listener = Subscription | Broadcast


class _Noting(InProcessBroker):
    """Notes what a process subscribes to."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Listener] = []

    def subscribe(self, *subscriptions: Listener) -> None:
        """Note these subscriptions."""
        self.noted += subscriptions


@dataclass(frozen=True, slots=True)
class Process:
    """A built process and what it listens to."""

    service: Service
    listeners: tuple[Listener, ...]

    async def openapi(self) -> Document:
        """What it answers at `/openapi.json`."""
        transport = InProcessTransport(self.service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            answer = await client.get("/openapi.json")
            return dict(answer.raise_for_status().json())


@asynccontextmanager
async def composed() -> AsyncIterator[dict[str, Process]]:
    """Every process by the name of its module."""
    with TemporaryDirectory() as folder:
        processes = _build(f"file://{folder}")
        try:
            yield processes
        finally:
            for process in processes.values():
                for close in process.service.close:
                    await close()


def _build(storage_url: str) -> dict[str, Process]:
    # production would ask for settings that each process has in its own environment
    secret: dict[str, object] = {
        "secret_key": secrets.token_urlsafe(48),
        "environment": "development",
    }
    common = {
        **secret,
        "database_url": "postgresql+asyncpg://role:password@localhost/nowhere",
        "amqp_url": "amqp://nowhere/",
    }
    nobody = httpx.AsyncClient(base_url="http://nowhere")
    job_settings = load(JobsSettings, **common)
    brokers = {name: _Noting() for name in _MODULES}
    auth = auth_service.service.build(
        load(AuthSettings, storage_url=storage_url, **common), brokers["auth_service"], peers={}
    )
    content = content_service.service.build(
        load(ContentSettings, storage_url=storage_url, **common),
        brokers["content_service"],
        auth=nobody,
    )
    jobs = jobs_service.service.build(job_settings, brokers["jobs_service"], auth=nobody)
    worker = jobs_service.worker_service.build_worker(
        job_settings, brokers["jobs_service.worker"], content=nobody
    )
    door = gateway.service.build(
        load(GatewaySettings, **secret),
        brokers["gateway"],
        upstreams={"auth": auth.app, "content": content.app, "jobs": jobs.app},
    )
    services = (door, auth, content, jobs, worker)
    return {
        name: Process(service, tuple(brokers[name].noted))
        for name, service in zip(_MODULES, services, strict=True)
    }


_MODULES = ("gateway", "auth_service", "content_service", "jobs_service", "jobs_service.worker")
