"""The port on RabbitMQ: one connection at a time, replaced whenever it is lost."""

import asyncio
import random
from typing import NoReturn
from uuid import UUID

from aio_pika.exceptions import PublishError

from shared.errors import Unavailable
from shared.messaging.broker import Broadcast, DeadLetter, RetryPolicy, Subscription, Unroutable
from shared.messaging.event import Envelope
from shared.messaging.rabbitmq.dead_letters import DeadLetterQueue
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.messaging.rabbitmq.link import Link
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

_CONNECTION_AWAITED = 2.0
_CONFIRM_TIMEOUT = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class RabbitMQBroker:
    """Publishes and consumes through the exchange `madang.events`.

    `name` tells the connections apart in RabbitMQ's own tools. Nothing is published before `run`.
    """

    def __init__(self, url: str, *, name: str, retry: RetryPolicy | None = None) -> None:
        self._url = url
        self._name = name
        self._retry = retry or RetryPolicy()
        self._subscriptions: list[Subscription] = []
        self._broadcasts: list[Broadcast] = []
        self._link: Link | None = None
        self._connected = asyncio.Event()

    def subscribe(self, *subscriptions: Subscription | Broadcast) -> None:
        """Add subscriptions; called while composing, before `run`."""
        for one in subscriptions:
            if isinstance(one, Broadcast):
                self._broadcasts.append(one)
            else:
                self._subscriptions.append(one)

    async def publish(self, *envelopes: Envelope) -> None:
        """Return once every bound queue has the events on disk.

        Raises `Unroutable` and `Unavailable`, the latter after two seconds without a connection.
        """
        link = await self._current_link()
        with unavailable_when_lost():
            try:
                await link.publish(envelopes, _CONFIRM_TIMEOUT)
            except PublishError as error:
                raise Unroutable(f"No queue is bound for {envelopes[0].type}.") from error

    async def run(self, ready: Ready) -> None:
        """Consume until cancelled; then wait for the handlers under way and acknowledge them.

        A second cancellation ends them too; their events are delivered again.
        """
        async with asyncio.TaskGroup() as tasks:
            try:
                await self._stay_connected(tasks, ready)
            except asyncio.CancelledError:
                await self._end()
        raise asyncio.CancelledError

    async def ping(self) -> None:
        """Raise `Unavailable` when the broker does not answer."""
        await (await self._current_link()).ping()

    async def dead_letters(self, subscription: str, limit: int = 100) -> list[DeadLetter]:
        """The parked events of a subscription, oldest first."""
        return await DeadLetterQueue(self._url, subscription).oldest(limit)

    async def replay(self, subscription: str, event_id: UUID | None = None) -> int:
        """Put one parked event, or all, back into the subscription; the number replayed."""
        return await DeadLetterQueue(self._url, subscription).replay(event_id)

    async def discard(self, subscription: str, event_id: UUID) -> int:
        """Forget a parked event for good; the number forgotten."""
        return await DeadLetterQueue(self._url, subscription).discard(event_id)

    async def _current_link(self) -> Link:
        await happens_within(_CONNECTION_AWAITED, self._connected)
        if self._link is None:
            raise Unavailable("There is no connection to RabbitMQ.")
        return self._link

    async def _stay_connected(self, tasks: asyncio.TaskGroup, ready: Ready) -> NoReturn:
        link = await self._connect(tasks)
        ready()
        while True:
            await link.lost()
            log.warning("rabbitmq_lost")
            self._connected.clear()
            self._link = None
            await link.close()
            link = await self._connect(tasks)

    async def _connect(self, tasks: asyncio.TaskGroup) -> Link:
        """Try until it works; of all failures only the first is logged."""
        pause = _FIRST_PAUSE
        while True:
            try:
                link = await Link.open(self._url, self._name, tasks)
                await link.set_up(self._subscriptions, self._broadcasts, self._retry)
            except Unavailable as error:
                if pause == _FIRST_PAUSE:
                    log.warning("rabbitmq_away", error=error.detail)
            else:
                log.info("rabbitmq_connected")
                self._link = link
                self._connected.set()
                return link
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads them
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _end(self) -> None:
        self._connected.clear()
        if self._link:
            try:
                await self._link.drain()
            finally:
                await self._link.close()
