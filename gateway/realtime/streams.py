"""`GET /api/events`: a user's events as server-sent events (the HTML standard, 9.2)."""

import asyncio
from collections import deque

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.identity import Verifier
from gateway.realtime.admission import wishes_of_stream
from gateway.realtime.endings import Ending, LastWords, too_slow
from gateway.realtime.hub import Hub
from gateway.realtime.listener import Listener, Proof, proven
from gateway.realtime.messages import Message, stream_event
from gateway.realtime.opening import Opening
from gateway.realtime.snapshots import Snapshot
from shared.errors import MethodNotAllowed
from shared.observability.logging import get_logger

log = get_logger(__name__)

PATH = "/api/events"
HEARTBEAT_SECONDS = 15
MAX_WAITING, MAX_WAITING_BYTES = 256, 256 * 1024
"""What may wait for one client: events, and bytes."""

LAST_WORDS_SECONDS = 5.0
"""How long a client has to read what it was sent, when a stream ends."""

_HEARTBEAT = b": \n\n"
_BEGINNING = b"retry: 2000\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events before it passes them on
]


class StreamListener(Listener):
    """A user's stream: what waits for the client, and is written all at once."""

    __slots__ = ("_has_news", "_silent_seconds", "_waiting", "_waiting_bytes", "ended")

    def __init__(self, proof: Proof) -> None:
        super().__init__(proof)
        self._waiting: deque[bytes] = deque([_BEGINNING])
        self._waiting_bytes = 0
        self._has_news = asyncio.Event()
        self._has_news.set()
        self._silent_seconds = 0
        self.ended = asyncio.Event()

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.ended.is_set()

    async def written(self) -> bytes:
        """Everything that waits, once there is something."""
        await self._has_news.wait()
        self._has_news.clear()
        written = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = self._silent_seconds = 0
        return written

    def deliver(self, message: Message) -> None:
        """Send an event, or end when too many wait already."""
        if self._is_full():
            self.end(too_slow(self.last_id))
        elif not self.is_ended:
            self._put(stream_event(message.type, message.body, message.id))
            self.last_id = message.id

    def tell(self, snapshot: Snapshot) -> None:
        """Send a state."""
        if not self.is_ended:
            self._put(snapshot.as_stream_event())

    def end(self, ending: Ending) -> None:
        """Send why as the last event."""
        if not self.is_ended:
            words = msgspec.json.encode(LastWords(ending.reason, self.last_id))
            self._put(stream_event(ending.event, words))
            self.ended.set()

    def leave(self) -> None:
        """The client has gone."""
        self.ended.set()
        self._has_news.set()

    def tick(self) -> None:
        """Let a silent connection be heard, so that nobody takes it for dead."""
        self._silent_seconds += 1
        if self._silent_seconds >= HEARTBEAT_SECONDS and not self._waiting:
            self._put(_HEARTBEAT)

    def _is_full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES

    def _put(self, piece: bytes) -> None:
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self._has_news.set()


class Streams:
    """The ASGI app of `/api/events`, behind the pipeline like every other answer."""

    def __init__(self, hub: Hub, opening: Opening, verifier: Verifier) -> None:
        self._hub = hub
        self._opening = opening
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends; raises Problems before it begins."""
        if scope["method"] != "GET":
            raise MethodNotAllowed(
                f"{PATH} does not answer {scope['method']}; it answers GET.",
                headers={"allow": "GET"},
            )
        wishes = wishes_of_stream(scope, dict(scope["headers"]))
        with self._hub.place():
            listener = StreamListener(await proven(self._verifier, wishes.token))
            with self._hub.joined(listener):
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                await self._run(listener, wishes.last_event_id, receive, send)

    async def _run(
        self, listener: StreamListener, last_id: str, receive: Receive, send: Send
    ) -> None:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(listener, receive))
            opening = group.create_task(self._opening.start(listener, last_id))
            writing = group.create_task(_write(listener, send))
            await listener.ended.wait()
            watching.cancel()
            opening.cancel()
            try:
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    await writing
            except TimeoutError:  # the server cuts off what is left unfinished
                log.info("stream_cut_off", user_id=listener.proof.user)


async def _write(listener: StreamListener, send: Send) -> None:
    more = True
    while more:
        body = await listener.written()
        more = not listener.is_ended
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _watch(listener: StreamListener, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.leave()
