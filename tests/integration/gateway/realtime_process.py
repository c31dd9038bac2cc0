"""The real-time part of the gateway in a process of its own, told to end by signals: prints its
URL, and a token."""

import sys

import uvloop
from starlette.types import Receive, Scope, Send

from gateway import clients
from gateway.client_address import ClientAddresses
from gateway.rate_limits.building import unlimited
from gateway.realtime.hub import ConnectionLimits
from gateway.realtime.service import build
from gateway.realtime.visits import VisitLog
from shared.messaging.in_process import InProcessBroker
from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.runtime.service import Component, Service
from tests.support.gateway import CLOCK, ORIGIN, TOKEN, KnownKeys, everywhere, gateway
from tests.support.realtime import Services, verification


async def main() -> int:
    """Serve until told to end, with 20 seconds to drain."""
    broker = InProcessBroker()
    upstreams = everywhere(Services().app())
    asked = clients.in_process(upstreams)
    realtime = build(
        verification(broker, CLOCK, KnownKeys()),
        asked,
        (ORIGIN,),
        ConnectionLimits(100, 100),
        unlimited(),
        CLOCK,
        VisitLog(None, ClientAddresses(), CLOCK),
    )
    pages = gateway(upstreams, own={"/api/events": realtime.streams})

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await (realtime.sockets if scope["type"] == "websocket" else pages)(scope, receive, send)

    async def close() -> None:
        await clients.close(asked)

    components = (Component("consumer", broker.run), realtime.component)
    service = Service("gateway", door, components=components, close=(close,))

    def listening(url: str) -> None:
        sys.stdout.write(f"{url} {TOKEN}\n")
        sys.stdout.flush()

    return await serve(
        [service], door, host="127.0.0.1", port=0, drain_seconds=20, on_listening=listening
    )


if __name__ == "__main__":
    configure("realtime")
    sys.exit(uvloop.run(main()))
