"""uvicorn's HTTP/1.1 protocol, with limits on what a client may do before its request is known.

uvicorn itself lets a client send a head without end, or nothing at all, for as long as it likes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.errors import Malformed, Problem
from shared.http.problems import MEDIA_TYPE, body_of

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers; one read more may have arrived when it is noticed."""
HEAD_SECONDS = 20.0
"""From the first byte, or from connecting, to the end of the head."""

LINGER_SECONDS = 10.0
"""How long a connection that ends is still read, when its request has been answered early."""


class HeadTooLarge(Problem):
    """The request line and headers are too long (RFC 6585, 5)."""

    status, code, title = 431, "head_too_large", "The headers of the request are too large"


class HeadTooSlow(Problem):
    """The client did not finish its headers in time (RFC 9110, 15.5.9)."""

    status, code, title = 408, "head_too_slow", "The request did not arrive in time"


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose head is too long or too slow, and none too early.

    A head that comes in one piece, as nearly all do, costs no timer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_complete = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what has not become a request yet."""
        super().data_received(data)
        if self._head_complete or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge(f"They may have {MAX_HEAD_BYTES} bytes at most."))
        elif self._head_timer is None:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """A new head begins."""
        self._head_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_complete, self._head_bytes = True, 0
        self._stop_waiting()
        super().on_headers_complete()
        cycle: object = self.cycle  # None at an upgrade, though declared otherwise
        if cycle is not None and not self.cycle.keep_alive:
            lingering = _Lingering(self.transport, self._close)
            self.cycle.transport = cast("asyncio.Transport", lingering)

    def on_message_complete(self) -> None:
        """The request is whole: a connection that lingered for it has no more to wait for."""
        super().on_message_complete()
        if self._linger_timer is not None:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(Malformed("This is not HTTP/1.1."))

    def _close(self) -> None:
        """Close once the request is whole. To close with bytes unread resets the connection, and
        the client, still sending, may lose the answer (RFC 9112, 9.6)."""
        if self.cycle.more_body and self._linger_timer is None:
            self.transport.write_eof()
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        elif self._linger_timer is None:
            self.transport.close()

    def _wait_for_head(self) -> None:
        problem = HeadTooSlow(f"The headers must arrive within {HEAD_SECONDS:g} seconds.")
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, problem)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, problem: Problem) -> None:
        self._stop_waiting()
        if self._linger_timer is not None:  # the answer has been given
            self.transport.close()
            return
        body = msgspec.json.encode(body_of(problem))
        head = (
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            "cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[problem.status] + head.encode() + body)
        self.transport.close()


class _Lingering:
    """What an answer needs of a transport, with the `close` of the protocol."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.close = close
        self.write = transport.write
        self.is_closing = transport.is_closing
