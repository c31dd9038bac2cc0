"""The real-time part of the gateway on a real server, fed by a real broker of this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from gateway import clients
from gateway.access_log import AccessLog
from gateway.api_keys import Exchange
from gateway.client_address import ClientAddresses
from gateway.rate_limits.building import unlimited
from gateway.rate_limits.limits import RateLimits
from gateway.realtime.hub import ConnectionLimits
from gateway.realtime.service import Realtime, build
from gateway.realtime.visits import VisitLog
from shared.clock import Clock
from shared.ids import uuid7
from shared.messaging.event import Envelope
from shared.messaging.in_process import InProcessBroker
from shared.security.principal import Principal, SessionId, UserId
from shared.security.revocations import Revocation, Revocations, revocation_listener
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.tokens import TokenIssuer
from shared.security.verification import Verification
from shared.security.verifier import TokenVerifier
from tests.integration.gateway.support import serving
from tests.support.gateway import (
    CLOCK,
    KEY,
    ORIGIN,
    KnownKeys,
    everywhere,
    gateway,
    no_api_keys,
)


@dataclass
class Services:
    """What jobs and content answer, in the name of whom, and whether they can be asked."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    away: bool = False
    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    tokens: set[str] = field(default_factory=set)

    def app(self) -> Starlette:
        self.may_answer.set()
        return Starlette(
            routes=[Route("/api/jobs", self._jobs), Route("/api/videos", self._videos)]
        )

    async def _jobs(self, request: Request) -> JSONResponse:
        self.asked += 1
        self.tokens.add(request.headers["authorization"].removeprefix("Bearer "))
        await self.may_answer.wait()
        if self.away:
            return JSONResponse({"code": "unavailable"}, 503)
        return JSONResponse({"items": self.jobs, "next_cursor": None})

    async def _videos(self, request: Request) -> JSONResponse:
        return JSONResponse({"items": [], "next_cursor": None})


def a_user() -> Principal:
    return Principal(UserId(uuid4()), SessionId(uuid4()))


def token_of(user: Principal, clock: Clock = CLOCK) -> str:
    return TokenIssuer(KEY, clock).issue(user)


def job_event(user: Principal, kind: str = "progressed", **changed: object) -> Envelope:
    """An event about a job of the user."""
    event_type = f"jobs.job.{kind}"
    data = {
        "job_id": uuid4(),
        "owner_id": user.id,
        "job_type": "captions",
        "video_id": uuid4(),
        "revision": 2,
        **({"progress": 0.5} if kind == "progressed" else {}),
        **changed,
    }
    return Envelope(
        id=uuid7(),
        source="jobs",
        type=event_type,
        time=CLOCK.now(),
        subject=str(data["job_id"]),
        dataschema=f"{event_type}/v1",
        data=msgspec.Raw(msgspec.json.encode(data)),
        must_be_heard=False,
    )


@dataclass(frozen=True, slots=True)
class Live:
    """A gateway that serves, and what feeds it."""

    port: int
    realtime: Realtime
    broker: InProcessBroker
    services: Services
    keys: KnownKeys

    async def happens(self, *events: Envelope) -> None:
        for event in events:
            await self.broker.publish(event)

    async def revoke(self, session: UUID) -> None:
        revocation = Revocation(session, CLOCK.now())
        event = Envelope(
            id=uuid7(),
            source="auth",
            type="auth.session.revoked",
            time=CLOCK.now(),
            subject=str(session),
            dataschema="",
            data=msgspec.Raw(msgspec.json.encode(revocation)),
        )
        await self.broker.publish(event)

    def socket(self, token: str = "", path: str = "/ws", **options: Any) -> connect:
        """A WebSocket with the token in the Authorization header, as a native app sends it."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers=headers,
            compression=None,
            proxy=None,
            **options,
        )

    @asynccontextmanager
    async def stream(
        self, token: str, path: str = "/api/events", **headers: str
    ) -> AsyncIterator["Stream"]:
        """An SSE stream."""
        asked = {"authorization": f"Bearer {token}"} if token else {}
        asked |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10) as client,
            client.stream("GET", path, headers=asked) as answer,
        ):
            yield Stream(answer)


class Stream:
    """An SSE stream as a browser reads it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def event(self) -> dict[str, Any]:
        """The next event: `event`, `id` and decoded `data`; or a comment, or a `retry`."""
        found: dict[str, Any] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    return found
                name, _, value = line.partition(": ")
                found[name or "comment"] = value
                if name == "data":
                    found["data"] = msgspec.json.decode(value)
        raise EOFError("the stream has ended")


async def said(socket: ClientConnection) -> Any:
    """The next message."""
    async with asyncio.timeout(10):
        return msgspec.json.decode(await socket.recv())


async def opened(socket: ClientConnection) -> Any:
    """The snapshot of a connection that has just been opened, after its `ready`."""
    assert (await said(socket))["type"] == "ready"
    return await said(socket)


@asynccontextmanager
async def live(
    *,
    limits: RateLimits | None = None,
    per_user: int = 20,
    in_all: int = 100,
    clock: Clock = CLOCK,
    services: Services | None = None,
    broker: InProcessBroker | None = None,
    access_log: AccessLog | None = None,
    exchange: Exchange = no_api_keys,
) -> AsyncIterator[Live]:
    """A gateway that serves WebSockets and streams."""
    services = services or Services()
    broker = broker or InProcessBroker()
    upstreams = everywhere(services.app())
    asked = clients.in_process(upstreams)
    keys = KnownKeys()
    verifying = verification(broker, clock, keys)
    realtime = build(
        verifying,
        asked,
        (ORIGIN,),
        ConnectionLimits(in_all, per_user),
        limits or unlimited(),
        clock,
        VisitLog(access_log, ClientAddresses(), clock),
    )
    broker.subscribe(realtime.broadcast)
    pages = gateway(
        upstreams,
        own={"/api/events": realtime.streams},
        verified_by=verifying.verifier,
        exchange=exchange,
    )

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        app = realtime.sockets if scope["type"] == "websocket" else pages
        await app(scope, receive, send)

    running = []
    for run in (broker.run, realtime.component.run):
        ready = asyncio.Event()
        running.append(asyncio.ensure_future(run(ready.set)))
        await ready.wait()
    try:
        async with serving(door) as port:
            yield Live(port, realtime, broker, services, keys)
    finally:
        for one in running:
            one.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        await clients.close(asked)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


def verification(broker: InProcessBroker, clock: Clock, keys: KnownKeys) -> Verification:
    """What verifies tokens of these tests, and hears of revoked sessions over `broker`."""

    async def nothing() -> tuple[()]:
        return ()

    async def no_keys() -> None: ...

    revocations = Revocations(clock)
    broadcast, component = revocation_listener("gateway", revocations, nothing, no_keys)
    broker.subscribe(broadcast)
    verifier = TokenVerifier(
        keys, revocations, ServiceTokenVerifier("s" * 32, "gateway", clock), clock
    )
    return Verification(verifier, keys, revocations, broadcast, component)
