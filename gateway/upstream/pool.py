"""The connections to one upstream: kept alive, bounded in number, and so is the waiting for one."""

import asyncio
import math
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from gateway.upstream.breaker import CLOSED, OPEN, Breaker
from gateway.upstream.connection import Connection
from gateway.upstream.limits import Limits
from gateway.upstream.retries import RetryBudget
from shared.clock import Clock
from shared.errors import GatewayTimeout, Unavailable
from shared.observability.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream listens."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of an `http://` or `https://` URL."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if secure else 80), secure)

    @property
    def authority(self) -> bytes:
        """The value of `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port == (443 if self.secure else 80)
        return (host if default else f"{host}:{self.port}").encode()


class Pool:
    """Hands out connections, the most recently used first, so that the rest can grow old and go.

    `authorities` (PEM) are the only ones that may vouch for an https upstream, if given. `refused`
    counts requests turned away by the open breaker, `shed` those that found too many before them.
    """

    def __init__(
        self,
        name: str,
        origin: Origin,
        limits: Limits,
        clock: Clock,
        authorities: str | None = None,
    ) -> None:
        self.name = name
        self.origin = origin
        self.limits = limits
        self.breaker = Breaker(clock)
        self.retries = RetryBudget(clock)
        self.refused = 0
        self.shed = 0
        self._tls = ssl.create_default_context(cadata=authorities) if origin.secure else None
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._ticker: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many are open, idle ones included."""
        return len(self._open)

    @property
    def idle(self) -> int:
        """How many are open and free."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many requests wait for a connection."""
        return len(self._waiting)

    def admit(self) -> None:
        """Count a request in; raises `Unavailable` at once where it could only fail or wait long,
        before anything of its body has been read."""
        self.retries.requests += 1
        if self.breaker.state is not CLOSED and not self.breaker.admits():
            raise self._cut_off()
        if len(self._waiting) >= self.limits.waiting:
            raise self._overloaded()

    def take(self) -> Connection | None:
        """A connection that is open and free, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable:
                return connection
        return None

    async def open(self) -> Connection:
        """A new connection, or the next that becomes free when there are as many as may be.

        Raises `Unavailable` or `GatewayTimeout`.
        """
        if self._has_room:
            self._opening += 1
        elif (handed := await self._turn()) is not None:
            return handed
        return await self._connect()

    def give_back(self, connection: Connection) -> None:
        """Return a connection after an exchange; one that cannot be used again is closed."""
        if not connection.is_reusable:
            connection.close()
            return
        connection.rest()
        if not self._hand(connection):
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Close a connection in the middle of an exchange."""
        connection.close()

    async def close(self) -> None:
        """Close every connection and stop ticking."""
        for connection in list(self._open):
            connection.close()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def answered(self) -> None:
        """An upstream's answer has begun."""
        if self.breaker.answered():
            log.info("upstream_back", upstream=self.name)

    def failed(self) -> None:
        """The upstream did not do its part."""
        if self.breaker.failed():
            self._log_cut_off()

    def silent(self, answers: int) -> None:
        """The upstream did not answer in time; `answers` were counted before."""
        if self.breaker.silent(answers):
            self._log_cut_off()

    @property
    def _has_room(self) -> bool:
        return len(self._open) + self._opening < self.limits.connections

    async def _turn(self) -> Connection | None:
        """Wait for a connection, or (None) for a place among those that are being opened."""
        if len(self._waiting) >= self.limits.waiting:
            raise self._overloaded()
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.limits.queue):
                return await turn
        except BaseException as error:
            self._decline(turn)
            if isinstance(error, TimeoutError):
                raise self._overloaded() from None
            raise

    def _decline(self, turn: "asyncio.Future[Connection | None]") -> None:
        """Pass on what a waiter was handed in the moment it gave up."""
        if not turn.done() or turn.cancelled():
            if turn in self._waiting:
                self._waiting.remove(turn)
            return
        connection = turn.result()
        if connection is None:
            self._leave_place()
        else:
            self.give_back(connection)

    def _hand(self, connection: Connection | None) -> bool:
        """Give the first who waits a connection, or a place to open one; False if nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False

    def _leave_place(self) -> None:
        self._opening -= 1
        self._offer_place()

    def _offer_place(self) -> None:
        """The place is taken at once, or a newcomer would be faster than who waits."""
        if self._has_room and self._hand(None):
            self._opening += 1

    async def _connect(self) -> Connection:
        try:
            connection = await self._connected()
        except BaseException:
            self._leave_place()
            raise
        self._opening -= 1
        self._open.add(connection)
        self._tick_later()
        return connection

    async def _connected(self) -> Connection:
        if self.breaker.state is OPEN:  # since the request was let in
            raise self._cut_off()
        try:
            return await self._dial()
        except TimeoutError:
            self.failed()
            message = f"{self.name} took no connection within {self.limits.connect:g} s."
            raise GatewayTimeout(message) from None
        except OSError as error:
            self.failed()
            log.warning("upstream_unreachable", upstream=self.name, error=repr(error))
            raise self._unavailable("cannot be reached", self.breaker.retry_after()) from error

    async def _dial(self) -> Connection:
        async with asyncio.timeout(self.limits.connect):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self.limits, self._on_lost),
                self.origin.host,
                self.origin.port,
                ssl=self._tls,
            )
        return connection

    def _on_lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._offer_place()

    def _tick_later(self) -> None:
        if self._ticker is None and self._open:
            loop = asyncio.get_running_loop()
            self._ticker = loop.call_later(self.limits.tick, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        self.retries.mark()
        for connection in list(self._open):
            connection.tick()
        self._tick_later()

    def _log_cut_off(self) -> None:
        log.warning("upstream_cut_off", upstream=self.name, seconds=self.breaker.retry_after())

    def _cut_off(self) -> Unavailable:
        self.refused += 1
        why = "has not done its part and is given a moment"
        return self._unavailable(why, self.breaker.retry_after())

    def _overloaded(self) -> Unavailable:
        """Who waits now has been served, or has given up, when the queue's time is over."""
        self.shed += 1
        return self._unavailable("has more requests than it can take", self.limits.queue)

    def _unavailable(self, why: str, seconds: float) -> Unavailable:
        headers = {"retry-after": str(max(1, math.ceil(seconds)))}
        return Unavailable(f"{self.name} {why}.", headers=headers)
