"""The access log of WebSockets: one line at the end of each, with how long it lasted."""

from dataclasses import dataclass

from starlette.types import Scope

from gateway.access_log import AccessLine, AccessLog
from gateway.client_address import ClientAddresses
from gateway.realtime.socket_listener import SocketListener
from shared.clock import Clock
from shared.observability import context


@dataclass(slots=True)
class Visit:
    """One WebSocket; `status` is 101 from when it is accepted."""

    path: str
    client: str
    request_id: str
    trace: str
    began: float
    status: int = 500
    listener: SocketListener | None = None


class VisitLog:
    """Begins and ends visits; `access_log` is None where none is kept."""

    def __init__(
        self, access_log: AccessLog | None, addresses: ClientAddresses, clock: Clock
    ) -> None:
        self._access_log = access_log
        self._addresses = addresses
        self._clock = clock

    def begin(self, scope: Scope) -> Visit:
        """A visit under the ids that the client sent, or new ones, which are bound to the task."""
        fields = dict(scope["headers"])
        request_id, trace = context.begin(fields.get(b"x-request-id"), fields.get(b"traceparent"))
        return Visit(
            path=scope["path"],
            client=self._addresses.of(scope, fields)[0],
            request_id=request_id,
            trace=trace,
            began=self._clock.monotonic(),
        )

    def end(self, visit: Visit) -> None:
        """Log the visit."""
        if self._access_log is None:
            return
        listener = visit.listener
        self._access_log.add(
            AccessLine(
                timestamp=self._clock.now(),
                level="info" if visit.status < 500 else "error",
                method="GET",
                path=visit.path,
                status=visit.status,
                duration_ms=round((self._clock.monotonic() - visit.began) * 1000, 2),
                bytes=0 if listener is None else listener.sent_bytes,
                client=visit.client,
                user_id=None if listener is None else listener.proof.user,
                request_id=visit.request_id,
                trace_id=visit.trace[3:35],
            )
        )
