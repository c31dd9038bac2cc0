"""The gateway as it is composed, in front of an auth service that tests can steer."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.service import build
from gateway.settings import GatewaySettings
from shared.clock import Clock
from shared.http.in_process import InProcessTransport
from shared.messaging.event import Envelope
from shared.messaging.in_process import InProcessBroker
from shared.runtime.service import Service
from shared.security.jwks import SECONDS_BETWEEN_FETCHES, Jwks, to_jwk
from shared.security.keys import SigningKey
from shared.security.revocations import Revocation, RevocationList
from shared.security.tokens import TokenIssuer
from shared.settings import load
from tests.integration.gateway.support import serving
from tests.support.clock import MovableClock
from tests.support.gateway import CLOCK, KEY, TOKEN, USER, everywhere

SECRET = "s" * 32
BEARER = {"authorization": f"Bearer {TOKEN}"}


def json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def revocation() -> Envelope:
    return Envelope(
        id=uuid4(),
        source="auth",
        type="auth.session.revoked",
        time=CLOCK.now(),
        subject=str(USER.session_id),
        dataschema="1",
        data=msgspec.Raw(msgspec.json.encode(Revocation(USER.session_id, CLOCK.now()))),
    )


def services(*revoked: Revocation, keys: Sequence[SigningKey] = (KEY,)) -> ASGIApp:
    """Auth, content and jobs in one small app."""

    async def jwks(_: Request) -> Response:
        return json(Jwks(tuple(to_jwk(key.verification) for key in keys)))

    async def revocations(_: Request) -> Response:
        return json(RevocationList(revoked))

    async def ready(_: Request) -> Response:
        return JSONResponse({"status": "healthy", "checks": {}})

    async def openapi(_: Request) -> Response:
        return JSONResponse({"openapi": "3.1.0", "paths": {}, "components": {}})

    async def videos(_: Request) -> Response:
        return JSONResponse([])

    return Starlette(
        routes=[
            Route("/.well-known/jwks.json", jwks),
            Route("/internal/revocations", revocations),
            Route("/health/ready", ready),
            Route("/openapi.json", openapi),
            Route("/api/videos", videos),
        ]
    )


@dataclass(frozen=True, slots=True)
class Door:
    client: httpx.AsyncClient
    broker: InProcessBroker


@asynccontextmanager
async def running(service: Service, broker: InProcessBroker) -> AsyncIterator[Door]:
    """The service's components and its app, without a socket."""
    transport = InProcessTransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gate") as client:
        tasks = []
        for run in (broker.run, *(one.run for one in service.components)):
            ready = asyncio.Event()
            tasks.append(asyncio.ensure_future(run(ready.set)))
            async with asyncio.timeout(5):
                await ready.wait()
        try:
            yield Door(client, broker)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for close in service.close:
                await close()


def settings(**given: object) -> GatewaySettings:
    return load(GatewaySettings, secret_key=SECRET, **given)


@asynccontextmanager
async def embedded(app: ASGIApp, clock: Clock = CLOCK) -> AsyncIterator[Door]:
    broker = InProcessBroker()
    service = build(settings(), broker, upstreams=everywhere(app), clock=clock)
    async with running(service, broker) as door:
        yield door


async def test_a_token_is_verified_with_the_published_keys() -> None:
    async with embedded(services()) as door:
        assert (await door.client.get("/api/videos", headers=BEARER)).status_code == 200
        assert (await door.client.get("/api/videos")).status_code == 401


async def test_a_session_revoked_before_the_start_is_refused_from_the_first_request() -> None:
    async with embedded(services(Revocation(USER.session_id, CLOCK.now()))) as door:
        answer = await door.client.get("/api/videos", headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")


async def test_a_session_is_refused_from_the_moment_its_revocation_is_heard() -> None:
    async with embedded(services()) as door:
        assert (await door.client.get("/api/videos", headers=BEARER)).status_code == 200
        await door.broker.publish(revocation())
        assert (await door.client.get("/api/videos", headers=BEARER)).status_code == 401


async def test_every_replica_refuses_a_revoked_session_at_once() -> None:
    broker = InProcessBroker()
    several = [build(settings(), broker, upstreams=everywhere(services())) for _ in range(3)]
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(running(one, broker)) for one in several]
        for door in doors:
            assert (await door.client.get("/api/videos", headers=BEARER)).status_code == 200
        await broker.publish(revocation())
        for door in doors:
            assert (await door.client.get("/api/videos", headers=BEARER)).status_code == 401


async def test_no_request_is_refused_while_the_keys_change() -> None:
    """As auth does it: a key is published some time before it signs, and stays for its tokens."""
    clock = MovableClock(CLOCK.now())
    published = [SigningKey.generate()]
    async with embedded(services(keys=published), clock) as door:
        for _ in range(3):
            published.append(SigningKey.generate())
            clock.advance(SECONDS_BETWEEN_FETCHES + 1)
            tokens = [TokenIssuer(key, clock).issue(USER) for key in published[-2:]]
            answers = await asyncio.gather(
                *(
                    door.client.get("/api/videos", headers={"authorization": f"Bearer {token}"})
                    for token in tokens * 5
                )
            )
            assert [answer.status_code for answer in answers] == [200] * 10


async def test_the_gateway_serves_its_own_pages() -> None:
    async with embedded(services()) as door:
        for path in ("/", "/health", "/health/ready", "/health/full", "/openapi.json", "/docs"):
            assert (await door.client.get(path)).status_code == 200, path


async def test_the_same_gateway_reaches_services_over_http() -> None:
    broker = InProcessBroker()
    async with serving(services()) as port:
        url = f"http://127.0.0.1:{port}"
        service = build(settings(auth_url=url, content_url=url, jobs_url=url), broker)
        async with running(service, broker) as door:
            answer = await door.client.get("/api/videos", headers=BEARER)
            full = await door.client.get("/health/full")
    assert (answer.status_code, answer.json()) == (200, [])
    assert full.json()["services"]["content"]["status"] == "healthy"


async def test_what_is_down_is_told_by_the_full_health() -> None:
    async def away(scope: object, receive: object, send: object) -> None:
        raise httpx.ConnectError("away")

    app = services()
    broker = InProcessBroker()
    service = build(settings(), broker, upstreams={**everywhere(app), "jobs": away})
    async with running(service, broker) as door:
        full = await door.client.get("/health/full")
    assert full.status_code == 503
    assert full.json()["services"]["jobs"]["status"] == "unhealthy"
    assert full.json()["services"]["auth"]["status"] == "healthy"


def started_with(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway"],
        env={"PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path), **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_process_refuses_bad_settings_by_name() -> None:
    refused = started_with(SECRET_KEY=SECRET, ALLOWED_ORIGINS='["https://*.example.com"]')
    assert refused.returncode == 2
    assert "'https://*.example.com' is refused: wildcards" in refused.stderr


def test_the_process_needs_a_broker() -> None:
    refused = started_with(SECRET_KEY=SECRET)
    assert refused.returncode == 2
    assert "AMQP_URL" in refused.stderr
