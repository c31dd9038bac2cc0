"""HTTP/1.1 as uvicorn's servers speak it to us: one connection of a client, on httptools.

uvicorn listens, and ends; the protocol is our own, because uvicorn's costs twice as much per
request, and lets a client send a head without end, or nothing at all, for as long as it likes.
Time is kept by the server's tick once a second, so that a request costs no timer.
"""

import asyncio
import socket
import struct
from collections import deque
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.server import ServerState

from shared.errors import Malformed, Problem
from shared.runtime.http_exchange import Exchange, Headers
from shared.runtime.http_head import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    Ends,
    HeadTooLarge,
    HeadTooSlow,
    is_for_websocket,
    refusal,
    rewritten,
    scope_of,
)

HEAD_SECONDS = 20.0
"""From the first byte, or from connecting, to the end of the head."""
IDLE_SECONDS = 75.0
"""Longer than a client of ours keeps an idle connection (load balancers: 60 s), so that it is the
client that closes it and no request meets a connection that is being closed. As long may a client
leave us waiting for a piece of its request, or for room for its answer."""
LINGER_SECONDS = 10.0
"""How long a connection that ends is still read, when its request has been answered early."""
TICK_SECONDS = 1.0


class HttpProtocol(asyncio.Protocol):
    """Reads requests, and has them answered one after the other."""

    __slots__ = (
        "_answering",
        "_app",
        "_config",
        "_ends",
        "_expects_continue",
        "_has_body_come",
        "_has_head",
        "_head_bytes",
        "_headers",
        "_is_lingering",
        "_is_over",
        "_is_paused",
        "_loop",
        "_next",
        "_parser",
        "_queued",
        "_receiving",
        "_rest",
        "_runner",
        "_state",
        "_ticks",
        "_transport",
        "_unsent",
        "_upgrades",
        "_url",
        "_writable",
    )

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._app = config.loaded_app
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = _parser_of(self)
        self._transport: asyncio.Transport
        self._ends: Ends
        self._receiving: Exchange | None = None
        self._answering: Exchange | None = None
        self._queued: deque[Exchange] = deque()
        self._next: Exchange | None = None
        self._runner: asyncio.Task[None] | None = None
        self._rest: asyncio.Future[None] | None = None  # what the runner waits for
        self._url = b""
        self._headers: Headers = []
        self._has_head = self._has_body_come = self._expects_continue = self._upgrades = False
        self._head_bytes = self._ticks = self._unsent = 0
        self._is_lingering = self._is_over = self._is_paused = False
        self._writable: asyncio.Event | None = None

    # What an exchange uses

    @property
    def default_headers(self) -> Headers:
        """What the server adds to every answer: the date."""
        return self._state.default_headers

    @property
    def is_congested(self) -> bool:
        """Whether the client takes its answer more slowly than it is made."""
        return self._writable is not None

    async def drained(self) -> None:
        """Wait until the client has caught up, or is gone."""
        if self._writable is not None:
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Let the client wait with the rest of its request."""
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless requests wait to be answered."""
        if self._is_paused and not self._queued:
            self._is_paused = False
            self._transport.resume_reading()

    def reset_at_close(self) -> None:
        """Have the connection end as broken, whatever has been written (RFC 9293, 3.10.4)."""
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def answered(self, exchange: Exchange) -> None:
        """The answer is written: take up the next request, or wait for one, or close."""
        self._state.total_requests += 1
        self._answering = None
        self._ticks = 0
        if not exchange.keep_alive:
            self._close(exchange)
        elif self._queued:
            self._start(self._queued.popleft())
        elif self._is_paused:
            self.resume_reading()

    # What the server calls

    def shutdown(self) -> None:
        """Close, once what has been asked is answered."""
        if self._answering is None:
            self._transport.close()
            return
        for exchange in (self._answering, *self._queued):
            exchange.keep_alive = False

    def tick(self) -> None:
        """A second has gone by: end what has lasted too long."""
        exchange = self._answering
        self._ticks += 1
        unsent, was_unsent = self._transport.get_write_buffer_size(), self._unsent
        self._unsent = unsent
        is_closing = self._transport.is_closing()  # behind what has been written
        awaits_client = exchange is None or exchange.awaits_body or self.is_congested or is_closing
        if unsent < was_unsent or not awaits_client:
            self._ticks = 0
        seconds = (self._ticks - 1) * TICK_SECONDS
        if is_closing or exchange is not None:
            if seconds >= IDLE_SECONDS:
                self._transport.abort()
        elif self._is_lingering:
            if seconds >= LINGER_SECONDS:
                self._transport.close()
        elif not self._has_head:
            if seconds >= HEAD_SECONDS:
                limit = f"The headers must arrive within {HEAD_SECONDS:g} seconds."
                self._refuse(HeadTooSlow(limit))
        elif seconds >= IDLE_SECONDS:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._ends = Ends.of(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or we have closed."""
        self._end()
        self._queued.clear()
        if self._answering is not None:
            self._answering.disconnect()
        self.resume_writing()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it comes."""
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._ticks = 0
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse, and count what has not become a request yet, nor the body of one: trailers, which
        the parser collects, could be without end."""
        self._has_body_come = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if len(self._headers) > MAX_HEADERS:
                self._refuse(HeadTooLarge(f"There may be {MAX_HEADERS} headers at most."))
            else:
                self._refuse(Malformed("This is not HTTP/1.1."))
            return
        is_in_body = self._has_head and self._receiving is not None and self._receiving.more_body
        if not self._has_head or (is_in_body and not self._has_body_come):
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HeadTooLarge(f"They may have {MAX_HEAD_BYTES} bytes at most."))
        elif is_in_body:
            self._head_bytes = self._ticks = 0

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """A new head begins."""
        self._url = b""
        self._headers = []
        self._has_head = self._expects_continue = False
        self._ticks = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or a trailer, which could pass for a header that has been checked."""
        if self._has_head:
            return
        name = name.lower()
        self._headers.append((name, value))
        if len(self._headers) > MAX_HEADERS:
            raise ValueError("there are too many headers")
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True

    def on_headers_complete(self) -> None:
        """The head is whole: have it answered, at once or after those before it."""
        self._has_head, self._head_bytes = True, 0
        parser = self._parser
        method, version = parser.get_method().decode("ascii"), parser.get_http_version()
        self._upgrades = parser.should_upgrade() and method != "CONNECT"
        if self._upgrades:
            return
        exchange = Exchange(
            self,
            self._transport,
            scope_of(self._ends, method, self._url, version, self._headers),
            # A client of HTTP/1.0 that is kept would have to be told (RFC 9112, 9.3)
            keep_alive=parser.should_keep_alive() and version != "1.0" and method != "CONNECT",
            expects_continue=self._expects_continue,
        )
        self._receiving = exchange
        if self._answering is None:
            if not self._is_lingering:
                self._start(exchange)
        elif self._answering.keep_alive:
            self._queued.append(exchange)
            self.pause_reading()

    def on_body(self, body: bytes) -> None:
        """A piece of a request's body; one that has been answered already is not wanted."""
        self._has_body_come = True
        if self._receiving is not None and not self._receiving.is_complete:
            self._receiving.feed(body)

    def on_message_complete(self) -> None:
        """A request is whole; a connection that lingered for it has no more to wait for."""
        if self._receiving is not None:
            self._receiving.feed_end()
        if self._is_lingering:
            self._transport.close()

    def _start(self, exchange: Exchange) -> None:
        self._answering = self._next = exchange
        if self._runner is None:
            self._runner = self._loop.create_task(self._run())
        else:
            self._end_rest()

    async def _run(self) -> None:
        """Answer one request after the other. All in one task, for the making of one costs three
        microseconds more than waking one."""
        tasks = self._state.tasks
        runner = cast("asyncio.Task[None]", self._runner)
        while not self._is_over:
            exchange, self._next = self._next, None
            if exchange is None:
                self._rest = self._loop.create_future()
                await self._rest
                continue
            tasks.add(runner)
            try:
                await exchange.run(self._app)
            finally:
                tasks.discard(runner)

    def _end_rest(self) -> None:
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.set_result(None)

    def _end(self) -> None:
        """Nothing more is to be answered here."""
        self._is_over = True
        self._state.connections.discard(self)
        self._end_rest()

    def _upgrade(self, rest: bytes) -> None:
        """Hand the connection to uvicorn's WebSocket protocol, with the head as it came."""
        protocol_class = self._config.ws_protocol_class
        if not self._upgrades:
            return  # a CONNECT, which is refused like any other request
        if not (self._parser.get_method() == b"GET" and is_for_websocket(self._headers)):
            self._stay(rest)
            return
        if protocol_class is None or self._answering is not None:
            self._refuse(Malformed("A WebSocket cannot be opened here."))
            return
        self._end()
        protocol = protocol_class(  # type: ignore[call-arg]
            config=self._config, server_state=self._state, app_state={}
        )
        protocol.connection_made(self._transport)
        self._transport.set_protocol(protocol)
        protocol.data_received(rewritten(self._url, self._headers) + rest)

    def _stay(self, rest: bytes) -> None:
        """Have the request answered as if it had not asked (RFC 9110, 7.8). For the parser it ends
        with its head, but for every other reader its body follows: it is parsed anew."""
        method, version = self._parser.get_method(), self._parser.get_http_version()
        headers = [field for field in self._headers if field[0] != b"upgrade"]
        self._parser = _parser_of(self)
        self.data_received(rewritten(self._url, headers, method, version) + rest)

    def _close(self, exchange: Exchange) -> None:
        """Close once the request is whole. To close with bytes unread resets the connection, and
        the client, still sending, may lose the answer (RFC 9112, 9.6)."""
        self._queued.clear()
        if not exchange.more_body:
            self._transport.close()
        elif not self._is_lingering:
            self._is_lingering = True
            self._transport.write_eof()
            self.resume_reading()

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request with `problem`, and close; not in the middle of an answer."""
        exchange = self._answering
        if exchange is not None and not exchange.more_body:
            exchange.keep_alive = False  # this one is well; what follows it is not
            self._queued.clear()
            self.pause_reading()
            return
        if exchange is not None:
            exchange.disconnect()
        if self._is_lingering:  # the answer has been given
            self._transport.close()
            return
        if exchange is not None and exchange.has_written:
            self._transport.abort()
            return
        self._transport.write(refusal(problem))
        self._transport.close()


def _parser_of(protocol: HttpProtocol) -> httptools.HttpRequestParser:
    """A parser that passes over what follows a request that closes the connection."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
