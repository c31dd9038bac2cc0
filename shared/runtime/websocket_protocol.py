"""WebSockets as our server speaks them: uvicorn's protocol on the core of `websockets`.

An ASGI app sends through a coroutine, a copy and an encoder per message. What goes to thousands at
once is a frame that was built before, so the app may reach the protocol itself: the scope names it
under `extensions`. And no peer that reads nothing can hold a connection, or our memory, for long.
"""

import asyncio
from typing import Any

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import OPEN, SERVER, Protocol

FRAMES = "madang.frames"
"""The extension of the scope that holds the connection's `WebSocketProtocol`."""

MAX_MESSAGE_BYTES = 4096
"""The longest message that a client may send; longer ones close the connection (1009)."""
MAX_WAITING_BYTES = 256 * 1024
"""What may wait in our memory for one client."""
PING_SECONDS = 15.0
PONG_SECONDS = 20.0
"""A peer that is gone is found out within 15 + 20 seconds, and cut off 5 later."""
LAST_WORDS_SECONDS = 5.0
"""How long a client has to read what it was sent, and to answer the close frame."""
LEAVING_SECONDS = 2.0
"""The same when the process ends."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket of a client."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.close_timeout = LAST_WORDS_SECONDS
        self._has_early_data = False

    # What an app uses

    def forget_handshake(self) -> None:
        """Let go of the request, once it has been accepted: a third of an idle connection."""
        del self.request, self.response, self.scope
        if self._has_early_data:  # the parser may be in the middle of a frame
            return
        # The parser holds the request as well; a new one begins where that one stands
        self.conn = Protocol(  # type: ignore[assignment]
            SERVER, state=OPEN, max_size=MAX_MESSAGE_BYTES, logger=self.logger
        )

    def write_frame(self, frame: bytes) -> bool:
        """Send a whole frame; False, and nothing sent, when too much waits for the client."""
        transport = self.transport
        if self.close_sent or transport.is_closing():
            return True
        if transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            return False
        transport.write(frame)
        return True

    def end(self, code: int, reason: str) -> None:
        """Close, behind all that has been written; a client that does not read is cut off."""
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._cut_off_after(LAST_WORDS_SECONDS)

    # What the transport and uvicorn call

    def data_received(self, data: bytes) -> None:
        """Parse; a client that does not wait for the handshake's answer, as it should (RFC 6455,
        4.1), is understood all the same."""
        if not self.handshake_complete and not data.endswith(b"\r\n\r\n"):
            self._has_early_data = True
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        """Let the app find us."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][FRAMES] = {"protocol": self}

    async def send(self, message: ASGISendEvent) -> None:
        """Send; what uvicorn would call an error, a refused handshake, is complete."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def handle_cont(self, event: Frame) -> None:
        """Collect; a message may have empty pieces without end, which its size does not bound."""
        if event.data or event.fin:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer, unless the client asks more than it reads."""
        if self.transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            self.transport.abort()
        else:
            super().handle_ping()

    def keepalive_timeout(self) -> None:
        """Close, without waiting for a peer that may be gone."""
        super().keepalive_timeout()
        self._cut_off_after(LAST_WORDS_SECONDS)

    def shutdown(self) -> None:
        """Close for a restart (1012), without waiting long for anybody."""
        super().shutdown()
        self._cut_off_after(LEAVING_SECONDS)

    def _cut_off_after(self, seconds: float) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(seconds, self.transport.abort)
