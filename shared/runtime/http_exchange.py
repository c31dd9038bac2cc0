"""One request and its answer on a client's connection: the ASGI side of `http_protocol`."""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Scope

from shared.observability.logging import get_logger

if TYPE_CHECKING:
    from shared.runtime.http_protocol import HttpProtocol

log = get_logger(__name__)
Headers = list[tuple[bytes, bytes]]

ENCODED_HEADERS = "madang.encoded_headers"
"""The extension of ASGI's scope that says: an `http.response.start` may hold, under this name,
lines of headers as they go over the wire. It is for what never changes, and is not checked."""

HIGH_WATER = 64 * 1024
"""Bytes of a request's body that may wait for the app before reading stops."""

_JOINED = 16 * 1024
"""A body of up to so many bytes is copied behind its head: cheaper than a second write."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_PHRASES = {one.value: one.phrase for one in HTTPStatus}
STATUS_LINES = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()
    for status in range(200, 600)
}
_FAILED = STATUS_LINES[500] + b"content-length: 0\r\nconnection: close\r\n\r\n"


class Exchange:
    """Receives the body of one request, and writes its answer.

    The head of the answer goes out with the first piece of its body, in one write; an app that
    wants it out earlier sends an empty piece.
    """

    __slots__ = (
        "_chunks",
        "_event",
        "_expects_continue",
        "_has_news",
        "_head",
        "_is_bodiless",
        "_is_chunked",
        "_is_started",
        "_left",
        "_protocol",
        "_says_close",
        "_transport",
        "_waiting_bytes",
        "disconnected",
        "has_written",
        "is_complete",
        "keep_alive",
        "more_body",
        "scope",
    )

    def __init__(
        self,
        protocol: "HttpProtocol",
        transport: asyncio.Transport,
        scope: Scope,
        *,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.more_body = True
        self.disconnected = self.is_complete = self.has_written = False
        self._protocol = protocol
        self._transport = transport
        self._expects_continue = expects_continue
        self._chunks: list[bytes] = []
        self._waiting_bytes = 0
        self._has_news = False
        self._event: asyncio.Event | None = None
        self._is_started = False
        self._head = b""
        self._is_bodiless = self._is_chunked = self._says_close = False
        self._left: int | None = None  # bytes of the body; None: the end of the connection ends it

    async def run(self, app: ASGIApp) -> None:
        """Let `app` answer; an answer that it leaves unfinished ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("application_failed", path=self.scope["path"])
        finally:
            if not (self.is_complete or self.disconnected):
                self._cut_off()

    def _cut_off(self) -> None:
        """Make sure that nobody takes what has been written for the whole."""
        if self.has_written:
            if self._left is None and not self._is_chunked:
                self._protocol.reset_at_close()  # its end would be the end of the body
            self._transport.abort()
            return
        log.error("not_answered", path=self.scope["path"])
        self._transport.write(_FAILED)
        self._transport.close()

    # What the protocol tells

    def feed(self, body: bytes) -> None:
        """A piece of the request's body has arrived."""
        self._chunks.append(body)
        self._waiting_bytes += len(body)
        if self._waiting_bytes > HIGH_WATER:
            self._protocol.pause_reading()
        self._wake()

    def feed_end(self) -> None:
        """The request is whole."""
        self.more_body = False
        self._wake()

    def disconnect(self) -> None:
        """The client is gone."""
        self.disconnected = True
        self._wake()

    @property
    def awaits_body(self) -> bool:
        """Whether the app waits for more of the request."""
        return self.more_body and self._event is not None and not self._event.is_set()

    def _wake(self) -> None:
        self._has_news = True
        if self._event is not None:
            self._event.set()

    # ASGI

    async def receive(self) -> Message:
        """The next piece of the body, or the news that the client is gone or has its answer."""
        if self._expects_continue:
            self._expects_continue = False
            if not self.has_written and not self._transport.is_closing():
                self._transport.write(_CONTINUE)
        if not (self._has_news or self.disconnected or self.is_complete):
            self._protocol.resume_reading()
            self._event = self._event or asyncio.Event()
            await self._event.wait()
            self._event.clear()
        if self.disconnected or self.is_complete:
            return {"type": "http.disconnect"}
        self._has_news = False
        chunks, self._chunks, self._waiting_bytes = self._chunks, [], 0
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Write the answer, as fast as the client takes it; raises RuntimeError for an answer that
        HTTP has no form for."""
        if self._protocol.is_congested:
            await self._protocol.drained()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.body" and self._is_started and not self.is_complete:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and not self._is_started:
            self._is_started = True
            self._head = self._encoded(message["status"], message.get("headers", []))
            if ENCODED_HEADERS in message:
                self._head += message[ENCODED_HEADERS]
        else:
            raise RuntimeError(f"{kind!r} is out of order here")

    def _encoded(self, status: int, headers: Headers) -> bytes:
        """The head but for its last line; decides how the body is framed."""
        fields = [*self._protocol.default_headers, *headers]
        parts = [STATUS_LINES[status]]
        for name, value in fields:
            parts += (name, b": ", value, b"\r\n")
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection":
                self._says_close = True
        self._is_bodiless = status in (204, 304) or self.scope["method"] == "HEAD"
        if self._left is None and not self._is_bodiless:
            if self.scope["http_version"] == "1.0":
                self.keep_alive = False  # its end is the end of the body
            else:
                self._is_chunked = True
                parts.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(parts)
        lines = 1 + len(fields) + self._is_chunked
        if not head.count(b"\n") == head.count(b"\r") == lines or b"\0" in head:
            raise RuntimeError("a header of the answer holds a line break or a NUL")
        return head

    def _send_body(self, body: bytes, *, more: bool) -> None:
        framed = b"" if self._is_bodiless else self._framed(body, more=more)
        if self.has_written:
            if framed:
                self._transport.write(framed)
        else:
            self._write_first(framed, more=more)
        if not more:
            self.is_complete = True
            self._wake()
            self._protocol.answered(self)

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        if self._is_chunked:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return framed if more else framed + _LAST_CHUNK
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError(f"the body is not as long as announced: {-self._left:+} bytes")
        return body

    def _write_first(self, framed: bytes, *, more: bool) -> None:
        """Write the head, and the body behind it. An answer that is whole before its request is
        ends the connection: nobody reads the rest (RFC 9112, 9.3)."""
        self.has_written = True
        if self.more_body and not more:
            self.keep_alive = False
        head = self._head
        if self._says_close:
            self.keep_alive = False
        elif not self.keep_alive:
            head += b"connection: close\r\n"
        if len(framed) <= _JOINED:
            self._transport.write(b"%b\r\n%b" % (head, framed))
        else:
            self._transport.write(head + b"\r\n")
            self._transport.write(framed)
