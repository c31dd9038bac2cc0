"""An upstream behind a URL, as an ASGI app: streams both ways, with back-pressure.

A small exchange takes the quick way: one write, one wake-up, two sends, no task. What lasts longer
than a tick of the pool or has a body in many pieces goes on in a task group in which one task
listens to the client, to forward its body and to notice when it leaves.
"""

import asyncio

from starlette.types import Receive, Scope, Send

from gateway.upstream.connection import ClientTooSlow, Connection
from gateway.upstream.head import RequestHead
from gateway.upstream.pool import Pool
from shared.errors import BadGateway, GatewayTimeout, Problem

_ATTEMPTS = 2
_QUICK_PIECES = 8
"""Of an answer that goes the quick way, on which nobody notices that the client has left."""


class ClientLeft(Exception):  # noqa: N818 - reads as what happened
    """The client closed its connection before it had its answer."""


class AnswerBroken(Exception):  # noqa: N818 - reads as what happened
    """The answer ended in its middle; the server must close the client's connection."""


class Proxy:
    """Forwards requests over a pool.

    Raises a `Problem` while nothing has been answered yet, afterwards `AnswerBroken`; `ClientLeft`
    at any time.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._host = pool.origin.authority
        self._seconds = pool.limits.silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request and its answer."""
        self._pool.admit()
        head = RequestHead(scope, self._host)
        body, more = b"", False
        if head.has_body:
            body, more = await self._first_piece(receive)
        attempt = 1
        while await self._attempt(attempt, head, body, more, receive, send):
            attempt += 1

    async def _attempt(
        self, number: int, head: RequestHead, body: bytes, more: bool, receive: Receive, send: Send
    ) -> bool:
        """Try once; True when it failed and may be tried again."""
        pooled = self._pool.take() if number == 1 else None
        connection = pooled or await self._pool.open()
        answers = self._pool.breaker.answers
        exchange = _Exchange(connection, head, receive, send, self._pool)
        is_reusable = False
        try:
            is_reusable = await exchange.run(body, more)
        except Problem as problem:
            if exchange.started:
                raise AnswerBroken(problem.detail) from problem
            self._judge(connection, answers)
            if number == _ATTEMPTS or not exchange.may_be_repeated:
                raise
            if not self._pool.retries.allows():
                raise
            return True
        finally:
            if is_reusable:
                self._pool.give_back(connection)
            else:
                self._pool.discard(connection)
        return False

    def _judge(self, connection: Connection, answers: int) -> None:
        """Tell the breaker about a failure, unless it is the client's, or a pooled connection has
        died unused: the upstream may close those at any time."""
        if isinstance(connection.failure, GatewayTimeout):
            self._pool.silent(answers)
        elif isinstance(connection.failure, BadGateway) and not connection.died_unused:
            self._pool.failed()

    async def _first_piece(self, receive: Receive) -> tuple[bytes, bool]:
        try:
            async with asyncio.timeout(self._seconds):
                return await _next_piece(receive)
        except TimeoutError:
            raise ClientTooSlow(f"Nothing of its body arrived for {self._seconds:g} s.") from None


class _Exchange:
    """One request and its answer on one connection."""

    __slots__ = (
        "_connection",
        "_head",
        "_pool",
        "_receive",
        "_seconds",
        "_send",
        "_sent",
        "_whole",
        "started",
    )

    def __init__(
        self,
        connection: Connection,
        head: RequestHead,
        receive: Receive,
        send: Send,
        pool: Pool,
    ) -> None:
        self._connection = connection
        self._head = head
        self._receive = receive
        self._send = send
        self._pool = pool
        self._seconds = pool.limits.silence
        self._sent = self._whole = False
        self.started = False

    @property
    def may_be_repeated(self) -> bool:
        """Whether nothing is lost, and nothing done twice, if the request is sent again."""
        return self._connection.died_unused and self._head.is_idempotent and self._whole

    async def run(self, body: bytes, more: bool) -> bool:
        """Carry the exchange out; True when the connection can serve another one."""
        connection, head = self._connection, self._head
        first = head.bytes
        if body:
            first += b"%x\r\n%s\r\n" % (len(body), body) if head.chunked else body
        if head.chunked and not more:
            first += b"0\r\n\r\n"
        self._sent = self._whole = not more
        connection.begin(first, bodiless=head.is_head)
        if more or not await self._relay(quickly=True):
            await self._run_in_tasks(more)
        return self._sent

    async def _run_in_tasks(self, more: bool) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(more))
                await self._relay(quickly=False)
                listening.cancel()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _listen(self, more: bool) -> None:
        """Forward the rest of the client's body, then wait for it to leave."""
        connection = self._connection
        while more:
            await connection.drained()
            connection.awaits_client = True
            body, more = await _next_piece(self._receive)
            connection.awaits_client = False
            if self._head.chunked:
                body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
                if not more:
                    body += b"0\r\n\r\n"
            connection.write(body)
        self._sent = True
        while True:
            await _next_piece(self._receive)

    async def _relay(self, *, quickly: bool) -> bool:
        """Pass the answer on; False when it was left unfinished because it takes long."""
        connection = self._connection
        pieces = 0
        while True:
            if not connection.has_news:
                await connection.progress()
            if connection.failure is not None:
                raise connection.failure
            if connection.has_head and not self.started:
                self.started = True
                self._pool.answered()
                await self._send(
                    {
                        "type": "http.response.start",
                        "status": connection.status,
                        "headers": connection.headers,
                    }
                )
                if not connection.has_news:  # an empty piece: the head goes out at once
                    await self._pass(b"", more=True)
            is_done = connection.is_done
            if connection.chunks or is_done:
                await self._pass(connection.take(), more=not is_done)
            if is_done:
                return True
            pieces += 1
            if quickly and (connection.ticks or pieces == _QUICK_PIECES):
                return False

    async def _pass(self, body: bytes, *, more: bool) -> None:
        message = {"type": "http.response.body", "body": body, "more_body": more}
        if not more and not self._connection.ticks:
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            raise ClientLeft(f"It took nothing for {self._seconds:g} s.") from None


async def _next_piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft("It left before its request was complete or answered.")
    return message.get("body", b""), message.get("more_body", False)
