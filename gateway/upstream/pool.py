"""The connections to one upstream: kept alive, bounded in number, and so is the waiting for one."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from gateway.upstream.breaker import Breaker
from gateway.upstream.connection import Connection
from gateway.upstream.limits import Limits
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
    """Hands out connections, the most recently used first, so that the rest can grow old and go."""

    def __init__(self, name: str, origin: Origin, limits: Limits, breaker: Breaker) -> None:
        self._name = name
        self.origin = origin
        self.limits = limits
        self._breaker = breaker
        self._tls = ssl.create_default_context() if origin.secure else None
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._ticker: asyncio.TimerHandle | None = None

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
        if len(self._open) + self._opening >= self.limits.connections:
            handed = await self._turn()
            if handed is not None:
                return handed
        return await self._connect()

    def give_back(self, connection: Connection) -> None:
        """Return a connection after an exchange; one that cannot be used again is closed."""
        if not connection.is_reusable:
            connection.close()
            return
        connection.rest()
        if not self._offer(connection):
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

    async def _turn(self) -> Connection | None:
        """Wait for a connection, or (None) for room to open one."""
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
            self._offer(None)
        else:
            self.give_back(connection)

    def _offer(self, connection: Connection | None) -> bool:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False

    async def _connect(self) -> Connection:
        if not self._breaker.admits():
            raise self._unavailable("has not been reachable and is given a moment")
        self._opening += 1
        try:
            connection = await self._connected()
        except TimeoutError:
            self._breaker.failed()
            self._offer(None)
            message = f"{self._name} took no connection within {self.limits.connect:g} s."
            raise GatewayTimeout(message) from None
        except OSError as error:
            self._breaker.failed()
            self._offer(None)
            log.warning("upstream_unreachable", upstream=self._name, error=repr(error))
            raise self._unavailable("cannot be reached") from error
        except asyncio.CancelledError:
            self._breaker.abandoned()
            self._offer(None)
            raise
        finally:
            self._opening -= 1
        self._breaker.succeeded()
        self._open.add(connection)
        self._tick_later()
        return connection

    async def _connected(self) -> Connection:
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
        self._offer(None)

    def _tick_later(self) -> None:
        if self._ticker is None and self._open:
            loop = asyncio.get_running_loop()
            self._ticker = loop.call_later(self.limits.tick, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        for connection in list(self._open):
            connection.tick()
        self._tick_later()

    def _overloaded(self) -> Unavailable:
        return self._unavailable("has more requests than it can take")

    def _unavailable(self, why: str) -> Unavailable:
        seconds = max(1, round(self._breaker.retry_after()))
        return Unavailable(f"{self._name} {why}.", headers={"retry-after": str(seconds)})
