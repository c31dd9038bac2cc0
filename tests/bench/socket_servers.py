"""The servers of the benchmark of WebSockets that are written in Python.

    python -m tests.bench.socket_servers NAME USERS

Prints its port; SIGUSR2 lets an event happen to each of so many users.
"""

import asyncio
import signal
import socket
import sys
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.realtime.events import message_of
from gateway.service import build
from gateway.settings import GatewaySettings
from shared.ids import uuid7
from shared.messaging.broker import Broadcast, Subscription
from shared.messaging.event import Envelope
from shared.messaging.in_process import InProcessBroker
from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.runtime.service import Component, Service
from shared.security.jwks import JWKS_PATH, Jwks, to_jwk
from shared.security.revocations import REVOCATIONS_PATH, RevocationList
from shared.settings import load
from tests.bench.servers import KEY, ORIGIN

MOST = 10_000
JOB, VIDEO = UUID(int=1), UUID(int=2)
_WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
_ANSWERS = {
    JWKS_PATH: msgspec.json.encode(Jwks((to_jwk(KEY.verification),))),
    REVOCATIONS_PATH: msgspec.json.encode(RevocationList(())),
    "/api/jobs": b'{"items":[],"next_cursor":null}',
    "/api/videos": b'{"items":[],"next_cursor":null}',
}


def user(number: int) -> UUID:
    """The id of a user."""
    return UUID(int=number + 1)


async def _services(scope: Scope, receive: Receive, send: Send) -> None:
    """What the gateway asks of the services."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWERS[scope["path"]]})


class _Noting(InProcessBroker):
    """Knows who listens, so that thousands of events can be told in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.broadcasts: dict[str, Broadcast] = {}

    def subscribe(self, *subscriptions: Subscription | Broadcast) -> None:
        """Note the broadcasts."""
        super().subscribe(*subscriptions)
        self.broadcasts |= {one.name: one for one in subscriptions if isinstance(one, Broadcast)}


def _event(number: int) -> Envelope:
    data = {
        "job_id": JOB, "owner_id": user(number), "job_type": "captions",
        "video_id": VIDEO, "revision": 2, "progress": 0.4321,
    }  # fmt: skip
    return Envelope(
        id=uuid7(),
        source="jobs",
        type="jobs.job.progressed",
        time=_WHEN,
        subject=str(JOB),
        dataschema="jobs.job.progressed/v1",
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


MESSAGE_BYTES = len(message_of(_event(0), 0.0)[1].body)
"""The JSON of an event with 200 bytes of data: the same length for all servers."""


async def _gateway(users: int) -> None:
    """The gateway as it is composed, on a broker of this process."""
    broker = _Noting()
    settings = load(
        GatewaySettings,
        secret_key="s" * 32,
        allowed_origins=(ORIGIN,),
        rate_limits_enabled=False,  # all the users live at one address
        realtime_max_connections=MOST,
        realtime_max_connections_per_user=MOST,
    )
    service = build(
        settings, broker, upstreams=dict.fromkeys(("auth", "content", "jobs"), _services)
    )
    hear = broker.broadcasts["gateway.realtime"].handle

    async def tell(ready: object) -> None:
        assert callable(ready)
        wanted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, wanted.set)
        ready()
        while True:
            events = [_event(number) for number in range(users)]
            await wanted.wait()
            wanted.clear()
            for event in events:
                await hear(event)

    parts = (Component("consumer", broker.run), Component("teller", tell))
    await serve(
        [service, Service("bench", service.app, components=parts)],
        service.app,
        host="127.0.0.1",
        port=0,
        drain_seconds=5,
        on_listening=lambda url: print(url.rpartition(":")[2], flush=True),
    )


async def _uvicorn(size: int) -> None:
    """uvicorn as it comes: each message is sent by the app of each connection's own `send`."""
    clients: set[Send] = set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        clients.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        clients.discard(send)

    async def tell() -> None:
        wanted = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, wanted.set)
        text = "x" * size
        while True:
            await wanted.wait()
            wanted.clear()
            for send in clients:
                await send({"type": "websocket.send", "text": text})

    telling = asyncio.ensure_future(tell())
    await _serve_by_uvicorn(app)
    telling.cancel()


async def _serve_by_uvicorn(app: ASGIApp) -> None:
    config = uvicorn.Config(
        app, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off",
        access_log=False, log_level="critical",
    )  # fmt: skip
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(4096)
        print(bound.getsockname()[1], flush=True)
        await uvicorn.Server(config).serve([bound])


if __name__ == "__main__":
    configure("bench", "WARNING")
    uvloop.run({"gateway": _gateway, "uvicorn": _uvicorn}[sys.argv[1]](int(sys.argv[2])))
