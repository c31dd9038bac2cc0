"""One HTTP/1.1 connection to an upstream, carrying one exchange at a time."""

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.upstream.head import HOP_BY_HOP, listed
from gateway.upstream.limits import Limits
from shared.errors import BadGateway, GatewayTimeout, Problem

HIGH_WATER = 256 * 1024
"""Bytes of a response that may wait for a slow client before reading stops."""

MAX_HEAD_BYTES = 64 * 1024
"""Status line and headers, interim answers included; one read more may have arrived."""

_BUFFER = memoryview(bytearray(64 * 1024))
"""All connections read into it, one after the other: a gigabyte costs a third of what it does with
a new piece of memory for each read, and larger pieces leave the processor's cache."""

_IDLE, _WAITING, _BODY, _DONE = range(4)


class ClientTooSlow(Problem):
    """The client stopped sending its request."""

    status, code, title = 408, "request_timeout", "The request did not arrive in time"


class Connection(asyncio.BufferedProtocol):
    """The receiving state of an exchange is public to the proxy: `status`, `headers`, `chunks`.

    `failure` is set when the exchange cannot be completed. `ticks` counts the pool's ticks since
    the exchange began.
    """

    __slots__ = (
        "_bodiless",
        "_has_length",
        "_head_bytes",
        "_idle_ticks",
        "_is_chunked",
        "_keep_alive",
        "_limits",
        "_loop",
        "_on_lost",
        "_parser",
        "_paused",
        "_state",
        "_transport",
        "_waiter",
        "_writable",
        "awaits_client",
        "buffered",
        "chunks",
        "failure",
        "headers",
        "quiet_ticks",
        "received",
        "reused",
        "status",
        "ticks",
    )

    def __init__(self, limits: Limits, on_lost: Callable[["Connection"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._on_lost = on_lost
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._state = _IDLE
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._keep_alive = True
        self._idle_ticks = 0
        self.reused = False
        self.failure: Problem | None = None
        self._reset(bodiless=False)

    def _reset(self, *, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._has_length = self._is_chunked = False
        self._head_bytes = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.buffered = 0
        self.received = False
        self.awaits_client = False
        self.ticks = self.quiet_ticks = 0

    # What the proxy does with it

    def begin(self, head: bytes, *, bodiless: bool) -> None:
        """Start an exchange by writing a request's head; `bodiless` for HEAD."""
        self._reset(bodiless=bodiless)
        self._state = _WAITING
        self._transport.write(head)

    def write(self, data: bytes) -> None:
        """Send more of the request."""
        self.quiet_ticks = 0
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the upstream takes more of the request."""
        if self._writable is not None:
            await self._writable

    async def progress(self) -> None:
        """Wait until something has arrived or failed, or the pool has ticked."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self) -> bytes:
        """What has arrived of the body since the last call; reading goes on if it had stopped."""
        chunks = self.chunks
        if not chunks:
            return b""
        self.chunks, self.buffered, self.quiet_ticks = [], 0, 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def has_head(self) -> bool:
        """Whether status and headers have arrived."""
        return self._state >= _BODY

    @property
    def has_news(self) -> bool:
        """Whether there is something to pass on now."""
        return bool(self.chunks) or self._state == _DONE or self.failure is not None

    @property
    def is_done(self) -> bool:
        """Whether the whole response has arrived."""
        return self._state == _DONE

    @property
    def is_reusable(self) -> bool:
        """Whether another exchange may follow the present one."""
        return (
            self._state in (_DONE, _IDLE)
            and self._keep_alive
            and self.failure is None
            and not self._transport.is_closing()
        )

    @property
    def died_unused(self) -> bool:
        """Whether the upstream closed it between two exchanges, or as good as: before a byte."""
        return self.reused and not self.received and isinstance(self.failure, BadGateway)

    def rest(self) -> None:
        """Wait in the pool, between two exchanges."""
        self._state, self._idle_ticks, self.reused = _IDLE, 0, True

    def close(self) -> None:
        """Close at once; what has not been sent is dropped."""
        self._transport.abort()

    def tick(self) -> None:
        """A tick of the pool: time out, or let the proxy look up from its waiting."""
        if self._state == _IDLE:
            self._idle_ticks += 1
            if self._idle_ticks * self._limits.tick >= self._limits.idle:
                self._transport.close()
        elif self._state != _DONE:
            self._tick_exchange()

    def _tick_exchange(self) -> None:
        self.ticks += 1
        if not self._paused:  # else it is the client that keeps us waiting
            self.quiet_ticks += 1
        limits = self._limits
        if self.quiet_ticks * limits.tick >= limits.silence:
            if self.awaits_client:
                self._fail(ClientTooSlow(f"Nothing arrived for {limits.silence:g} s."))
            else:
                self._fail(GatewayTimeout(f"Nothing came back for {limits.silence:g} s."))
        elif self.ticks * limits.tick >= limits.total:
            self._fail(GatewayTimeout(f"It was not complete after {limits.total:g} s."))
        if self.ticks == 1 or self.failure is not None:  # later ticks are no news
            self._wake()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is ready."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to; `buffer_updated` follows at once."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Feed the parser and wake the proxy once."""
        if self._state == _IDLE:  # nobody asked: whatever it is, it is nobody's answer
            self._transport.abort()
            return
        self.received = True
        self.quiet_ticks = 0
        try:
            self._parser.feed_data(_BUFFER[:nbytes])
        except (HttpParserError, HttpParserUpgrade) as error:
            self._keep_alive = False
            if self._state != _DONE:
                self._fail(BadGateway(f"Its answer is no valid HTTP: {error}."))
        if self._state == _WAITING:
            self._head_bytes += nbytes
            if self._head_bytes > MAX_HEAD_BYTES:
                self._fail(BadGateway(f"Its headers have more than {MAX_HEAD_BYTES} bytes."))
        self._wake()

    def eof_received(self) -> None:
        """The end of a body that is neither chunked nor of known length."""
        if self._state == _BODY and not (self._has_length or self._is_chunked):
            self._state = _DONE
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._keep_alive = False
        if self._state in (_WAITING, _BODY) and self.failure is None:
            self._fail(BadGateway("It closed the connection before its answer was complete."))
        self.resume_writing()
        self._wake()
        self._on_lost(self)

    def pause_writing(self) -> None:
        """The upstream takes the request more slowly than we send it."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """The upstream has caught up."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request: it would be served to the next client."""
        if self._state != _WAITING:
            raise ValueError("there is more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what may travel on; note what frames the body."""
        if self._state != _WAITING:
            return  # a trailer
        name = name.lower()
        if name == b"content-length":
            self._has_length = True
        elif name in HOP_BY_HOP:
            self._on_hop_by_hop(name, value)
            return
        self.headers.append((name, value))

    def _on_hop_by_hop(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise ValueError(f"the transfer encoding {value!r} was not asked for")
            self._is_chunked = True
        elif name == b"connection" and (more := listed(value) - {b"close", b"keep-alive"}):
            self.headers = [field for field in self.headers if field[0] not in more]

    def on_headers_complete(self) -> None:
        """Decide how the body ends, where httptools does not know the request's method."""
        status = self._parser.get_status_code()
        if not 100 <= status <= 599 or status == 101:
            raise ValueError(f"the status {status} was not to be expected")
        if status < 200:  # an interim answer; the real one follows
            self.headers = []
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        if self._bodiless or status in (204, 304):
            self._state = _DONE
            if not self._bodiless:  # a length without its body is more than servers let through
                self.headers = [field for field in self.headers if field[0] != b"content-length"]
            # The parser would wait for the body that the length announces
            self._parser = HttpResponseParser(self)
        else:
            self._state = _BODY

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; stop reading when the client does not keep up."""
        if self._state != _BODY:
            raise ValueError("there is a body where none may be")
        self.chunks.append(body)
        self.buffered += len(body)
        if self.buffered > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._state == _BODY:
            self._state = _DONE

    def _fail(self, failure: Problem) -> None:
        self.failure = failure
        self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
