"""`WS /ws`: a user's events over a WebSocket."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime

from starlette.types import Receive, Scope, Send

from gateway.identity import Verifier
from gateway.rate_limits.limits import RateLimits
from gateway.realtime.admission import SUBPROTOCOL, Origins, Wishes, wishes_of_socket
from gateway.realtime.conversation import (
    PONG,
    Auth,
    Ping,
    Ready,
    error_of,
    frame_of,
    understood,
)
from gateway.realtime.endings import TOO_MANY_CONNECTIONS, TOO_MANY_MESSAGES, TRY_LATER, UNPROVEN
from gateway.realtime.hub import Hub, TooManyConnections
from gateway.realtime.listener import proven
from gateway.realtime.opening import Opening
from gateway.realtime.socket_listener import SocketListener
from gateway.realtime.visits import Visit, VisitLog
from gateway.routes import RouteClass
from shared.clock import Clock
from shared.errors import Forbidden, NotFound, Problem, Unauthenticated
from shared.http.problems import response_of
from shared.runtime.websocket_protocol import FRAMES, WebSocketProtocol

PATH = "/ws"
AUTH_SECONDS = 5.0
"""How long a client may take to show its token."""


class UpgradeRequired(Problem):
    """A plain request where only WebSockets are served (RFC 9110, 15.5.22)."""

    status, code, title = 426, "upgrade_required", "Only WebSockets are served here"


async def not_upgraded(scope: Scope, receive: Receive, send: Send) -> None:
    """The app that answers a plain request to `/ws`: raises `UpgradeRequired`."""
    raise UpgradeRequired("Open a WebSocket.", headers={"upgrade": "websocket"})


class OtherUser(Forbidden):
    """A connection belongs to one user for as long as it lasts."""

    code, title = "other_user", "The token belongs to another user"


class Sockets:
    """The ASGI app of every WebSocket. Until one is accepted it is refused like a request, with a
    problem; from then on by a message and a close code."""

    def __init__(
        self,
        hub: Hub,
        opening: Opening,
        verifier: Verifier,
        origins: Origins,
        limits: RateLimits,
        clock: Clock,
        visits: VisitLog,
    ) -> None:
        self._hub = hub
        self._limits = limits
        self._opening = opening
        self._verifier = verifier
        self._origins = origins
        self._clock = clock
        self._visits = visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        visit = self._visits.begin(scope)
        await receive()  # `websocket.connect`
        try:
            with ExitStack() as leaving:
                await self._serve(scope, receive, send, visit, leaving)
        except Problem as problem:
            visit.status = problem.status
            await response_of(problem)(scope, receive, send)
        finally:
            self._visits.end(visit)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, visit: Visit, leaving: ExitStack
    ) -> None:
        wishes = self._admitted(scope)
        if self._limits.check(RouteClass.REST, None, visit.client) is None:
            await self._limits.ask(RouteClass.REST, None, visit.client)
        protocol: WebSocketProtocol = scope["extensions"][FRAMES]["protocol"]
        leaving.enter_context(self._hub.place())
        last_id, listener = wishes.last_event_id, None
        with ExitStack() as introducing:
            if wishes.token:
                listener = await self._join(protocol, wishes.token, visit, leaving)
            else:
                introducing.enter_context(self._hub.newcomer())
            subprotocol = SUBPROTOCOL if scope["subprotocols"] else None
            # nothing has waited since the listener joined, so nobody can have ended it yet
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
            visit.status = 101
            scope.clear()  # with `forget_handshake`, nothing of it stays in memory
            protocol.forget_handshake()
            if listener is None:
                introduced = await self._introduced(protocol, receive, visit, leaving)
                if introduced is None:
                    return
                listener, last_id = introduced[0], introduced[1] or last_id
        listener.say(_ready(listener))
        await self._opening.start(listener, last_id)
        await self._converse(listener, receive)

    def _admitted(self, scope: Scope) -> Wishes:
        if scope["path"].rstrip("/") != PATH:
            raise NotFound(f"No WebSocket is opened at {scope['path']}; it is {PATH}.")
        fields = dict(scope["headers"])
        self._origins.check(fields)
        return wishes_of_socket(scope, fields)

    async def _join(
        self, protocol: WebSocketProtocol, token: str, visit: Visit, leaving: ExitStack
    ) -> SocketListener:
        proof = await proven(self._verifier, token)
        listener = SocketListener(protocol, proof)
        leaving.enter_context(self._hub.joined(listener))
        visit.listener = listener
        return listener

    async def _introduced(
        self, protocol: WebSocketProtocol, receive: Receive, visit: Visit, leaving: ExitStack
    ) -> tuple[SocketListener, str] | None:
        """The listener and the last event's id of the first message, or None after a refusal."""
        ending = UNPROVEN
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                message = await receive()
            if message["type"] == "websocket.disconnect":
                return None
            said = understood(message.get("text"))
            if not isinstance(said, Auth):
                raise Unauthenticated('The first message must be {"type":"auth","token":"…"}.')
            listener = await self._join(protocol, said.token, visit, leaving)
        except TimeoutError:
            problem: Problem = Unauthenticated(f"No token came within {AUTH_SECONDS:g} seconds.")
        except TooManyConnections as refused:
            problem, ending = refused, TOO_MANY_CONNECTIONS
        except Problem as refused:
            problem, ending = refused, TRY_LATER if refused.retriable else UNPROVEN
        else:
            return listener, said.last_event_id
        protocol.write_frame(error_of(problem))
        protocol.end(ending.code, ending.reason)
        return None

    async def _converse(self, listener: SocketListener, receive: Receive) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if not listener.may_speak(self._clock.monotonic()):
                listener.end(TOO_MANY_MESSAGES)
                return
            try:
                said = understood(message.get("text"))
                if isinstance(said, Ping):
                    listener.say(PONG)
                else:
                    await self._renew(listener, said.token)
            except Problem as problem:
                listener.say(error_of(problem))

    async def _renew(self, listener: SocketListener, token: str) -> None:
        """Go on with a fresh token; with the old one when it is refused."""
        proof = await proven(self._verifier, token)
        if proof.user != listener.proof.user:
            raise OtherUser("Open another connection for another user.")
        listener.proof = proof
        listener.say(_ready(listener))


def _ready(listener: SocketListener) -> bytes:
    expires = datetime.fromtimestamp(listener.proof.expires, UTC)
    return frame_of(Ready(listener.proof.user, expires))
