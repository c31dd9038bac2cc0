"""The one connection to Redis, kept by a component; whoever calls never waits for its return.

Calls of the same moment travel together. An answer has `ANSWER_SECONDS`; if it does not come, or
anything else is wrong, the link is down until the component has a new connection, and every call
fails at once.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared.clock import Clock
from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.runtime.service import Component, Ready

log = get_logger(__name__)

ANSWER_SECONDS = 0.08
CONNECT_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""From one attempt to connect to the next; after a longer connection the first is made at once."""

_SCHEMES = ("redis://", "rediss://", "unix://")

Command = tuple[str | bytes | int | float, ...]


class RedisAway(Unavailable):
    """Redis cannot be reached, or not in time."""

    code, title = "redis_away", "Redis cannot be used right now"


class RedisLink:
    """Redis at `url`, as long as it answers; `on_connect` are commands for a new connection."""

    def __init__(self, url: str, clock: Clock, *, on_connect: tuple[Command, ...] = ()) -> None:
        self._url = url
        self._clock = clock
        self._on_connect = on_connect
        self._calls: list[tuple[Command, asyncio.Future[Any]]] = []
        self._wanted = asyncio.Event()
        self._has_told = False
        self.is_up = False

    def call(self, *command: str | bytes | int | float) -> Awaitable[Any]:
        """The answer to a command. Raises `RedisAway`."""
        if not self.is_up:
            raise RedisAway
        answer = asyncio.get_running_loop().create_future()
        self._calls.append((command, answer))
        self._wanted.set()
        return answer

    async def ping(self) -> None:
        """Raise `RedisAway` when Redis does not answer."""
        await self.call("PING")

    @property
    def component(self) -> Component:
        """What keeps the connection; ready after the first attempt, whatever came of it."""
        return Component("redis", self._run)

    async def _run(self, ready: Ready) -> None:
        try:
            while True:
                started = self._clock.monotonic()
                await self._while_connected(ready)
                ready()
                pause = started + RETRY_SECONDS - self._clock.monotonic()
                await asyncio.sleep(max(0.0, pause))
        finally:
            self._fail_all()

    async def _while_connected(self, ready: Ready) -> None:
        """Connect and carry calls until something goes wrong."""
        connection = connection_to(self._url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
                await _answers(connection, self._on_connect)
            self._tell_up()
            ready()
            await self._carry(connection)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            # ValueError: the parser's word for an answer that no Redis gives
            self._fail_all()
            self._tell_down(error)
        finally:
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def _carry(self, connection: AbstractConnection) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            calls, self._calls = self._calls, []
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    replies = await _answers(connection, [command for command, _ in calls])
            except BaseException:
                self._calls = calls + self._calls
                raise
            for (_, answer), reply in zip(calls, replies, strict=True):
                if not answer.done():  # the caller may have left
                    answer.set_result(reply)

    def _fail_all(self) -> None:
        self.is_up = False
        calls, self._calls = self._calls, []
        self._wanted.clear()
        for _, answer in calls:
            if not answer.done():
                answer.set_exception(RedisAway())

    def _tell_up(self) -> None:
        self.is_up, self._has_told = True, False
        log.info("redis_connected")

    def _tell_down(self, error: Exception) -> None:
        """Once for each time it goes away, not for every attempt."""
        if not self._has_told:
            self._has_told = True
            log.warning("redis_away", error=repr(error), consequence="limits count in each process")


def connection_to(url: str) -> AbstractConnection:
    """A connection, not yet open, that never tries twice: the link decides when. Raises ValueError
    or TypeError for a URL that is none of Redis."""
    if not url.startswith(_SCHEMES):
        raise ValueError(f"the URL begins with none of {', '.join(_SCHEMES)}")
    # RESP2, since RESP3 would begin each connection with negotiations that nobody here needs
    pool = ConnectionPool.from_url(
        url, protocol=2, socket_timeout=None, retry=Retry(NoBackoff(), 0)
    )
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    return connection


async def _answers(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    if not commands:
        return []
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    return [await connection.read_response(timeout=float("inf")) for _ in commands]
