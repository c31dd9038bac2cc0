"""The hub's side of a WebSocket."""

from gateway.realtime.endings import Ending, too_slow
from gateway.realtime.listener import Listener, Proof
from gateway.realtime.messages import Message
from gateway.realtime.snapshots import Snapshot
from shared.runtime.websocket_protocol import WebSocketProtocol

MESSAGES, WINDOW_SECONDS = 20, 10.0
"""How much a client may say in a time."""


class SocketListener(Listener):
    """A user's WebSocket. What waits for the client waits in the transport, to which a frame is
    written at once; so an idle connection has no queue, and no task but the server's."""

    __slots__ = ("_messages", "_protocol", "_window_began", "sent_bytes")

    def __init__(self, protocol: WebSocketProtocol, proof: Proof) -> None:
        super().__init__(proof)
        self._protocol = protocol
        self._messages = 0
        self._window_began = 0.0
        self.sent_bytes = 0

    def deliver(self, message: Message) -> None:
        """Send an event, or end when too many wait already."""
        frame = message.frame
        if self._protocol.write_frame(frame):
            self.last_id = message.id
            self.sent_bytes += len(frame)
        else:
            self.end(too_slow(self.last_id))

    def tell(self, snapshot: Snapshot) -> None:
        """Send a state."""
        self.say(snapshot.as_frame())

    def say(self, frame: bytes) -> None:
        """Send what is no event."""
        if self._protocol.write_frame(frame):
            self.sent_bytes += len(frame)
        else:
            self.end(too_slow(self.last_id))

    def end(self, ending: Ending) -> None:
        """Close, with a code and a reason."""
        self._protocol.end(ending.code, ending.reason)

    def tick(self) -> None:
        """Nothing to do: the server pings."""

    def may_speak(self, now: float) -> bool:
        """Whether the client has not said too much lately; counts what it says."""
        if now - self._window_began > WINDOW_SECONDS:
            self._window_began = now
            self._messages = 0
        self._messages += 1
        return self._messages <= MESSAGES
