"""Builds the real-time part of the gateway."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import ASGIApp

from gateway.clients import Clients
from gateway.rate_limits.limits import RateLimits
from gateway.realtime.admission import Origins
from gateway.realtime.events import HEARD
from gateway.realtime.hub import ConnectionLimits, Hub
from gateway.realtime.opening import Opening
from gateway.realtime.snapshots import Snapshots
from gateway.realtime.sockets import Sockets
from gateway.realtime.streams import Streams
from gateway.realtime.visits import VisitLog
from shared.clock import Clock
from shared.messaging.broker import Broadcast
from shared.runtime.service import Component
from shared.security.verification import Verification


@dataclass(frozen=True, slots=True)
class Realtime:
    """The app of every WebSocket, the app of the stream, and what keeps them fed."""

    sockets: ASGIApp
    streams: ASGIApp
    broadcast: Broadcast
    component: Component
    hub: Hub


def build(
    verification: Verification,
    asked: Clients,
    origins: Iterable[str],
    connections: ConnectionLimits,
    limits: RateLimits,
    clock: Clock,
    visits: VisitLog,
) -> Realtime:
    """Everything real-time, on one hub that hears of events and of revoked sessions."""
    hub = Hub(connections, clock)
    opening = Opening(hub, Snapshots(asked))
    verifier = verification.verifier
    verification.revocations.on_added(hub.revoked)
    verification.keys.on_withdrawn(hub.key_withdrawn)
    return Realtime(
        Sockets(hub, opening, verifier, Origins(origins), limits, clock, visits),
        Streams(hub, opening, verifier),
        Broadcast("gateway.realtime", tuple(HEARD), hub.hear, opening.missed_some),
        opening.component(),
        hub,
    )
