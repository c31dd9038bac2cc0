"""One connection and all that hangs on it; when any part of it closes, the whole is given up."""

import asyncio
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

from shared.errors import Unavailable
from shared.messaging.broker import Broadcast, RetryPolicy, Subscription
from shared.messaging.delivery import catch_up
from shared.messaging.rabbitmq.connecting import CONNECT_TIMEOUT, connect
from shared.messaging.rabbitmq.consumer import Consumer
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.messaging.rabbitmq.topology import (
    declare_broadcast,
    declare_events,
    declare_retries,
    declare_subscription,
)
from shared.messaging.rabbitmq.work import BroadcastWork, SubscriptionWork
from shared.observability.logging import get_logger

log = get_logger(__name__)

_CLOSE_TIMEOUT = 5.0
_BROADCASTS_AT_ONCE = 100
"""Messages of a broadcast that this process holds in memory."""


class Link:
    """An open connection, with a channel to publish on and one for each consumer."""

    events: AbstractExchange

    def __init__(self, connection: AbstractConnection, tasks: asyncio.TaskGroup) -> None:
        self._connection = connection
        self._tasks = tasks
        self._consumers: list[Consumer] = []
        self._catching_up: list[asyncio.Task[None]] = []
        self._lost = asyncio.Event()

    @classmethod
    async def open(cls, url: str, name: str, tasks: asyncio.TaskGroup) -> "Link":
        """Connect under a `name` that RabbitMQ shows; raises `Unavailable`."""
        with unavailable_when_lost():
            return cls(await connect(url, name), tasks)

    async def set_up(
        self, subscriptions: list[Subscription], broadcasts: list[Broadcast], retry: RetryPolicy
    ) -> None:
        """Declare the topology and begin to consume; raises `Unavailable` after closing again."""
        try:
            with unavailable_when_lost():
                publishing = await self._channel()
                self.events = await declare_events(publishing)
                await declare_retries(publishing, retry)
                for subscription in subscriptions:
                    work = SubscriptionWork(subscription, retry, publishing, self.give_up)
                    await self._subscribe(subscription, work)
                for broadcast in broadcasts:
                    await self._listen(broadcast)
        except BaseException:
            await self.close()
            raise

    async def lost(self) -> None:
        """Wait until the connection, a channel or a consumer is no more."""
        await self._lost.wait()

    def give_up(self) -> None:
        """Have the connection replaced by a new one."""
        self._lost.set()

    async def ping(self) -> None:
        """Raise `Unavailable` unless the broker answers within the time-out."""
        with unavailable_when_lost():
            async with asyncio.timeout(CONNECT_TIMEOUT), self._connection.channel():
                pass

    async def drain(self) -> None:
        """Take no new events and wait until those under way have been acknowledged."""
        for task in self._catching_up:
            task.cancel()
        await asyncio.gather(*(one.stop() for one in self._consumers))

    async def close(self) -> None:
        """Close the connection; handlers under way are not waited for."""
        for task in self._catching_up:
            task.cancel()
        try:
            with unavailable_when_lost():
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self._connection.close()
        except Unavailable as error:
            log.warning("rabbitmq_not_closed", error=error.detail)

    async def _channel(self) -> AbstractChannel:
        channel = await self._connection.channel(on_return_raises=True)
        channel.close_callbacks.add(self._closed)
        raw = await channel.get_underlay_channel()
        raw.on_consumer_cancel_callbacks.add(self._closed)
        return channel

    async def _subscribe(self, subscription: Subscription, work: SubscriptionWork) -> None:
        channel = await self._channel()
        queue = await declare_subscription(channel, subscription)
        await self._consume(Consumer(channel, queue, work, self._tasks), subscription.concurrency)

    async def _listen(self, broadcast: Broadcast) -> None:
        channel = await self._channel()
        queue = await declare_broadcast(channel, broadcast)
        consumer = Consumer(channel, queue, BroadcastWork(broadcast), self._tasks)
        await self._consume(consumer, _BROADCASTS_AT_ONCE)
        self._catching_up.append(self._tasks.create_task(catch_up(broadcast)))

    async def _consume(self, consumer: Consumer, concurrency: int) -> None:
        self._consumers.append(consumer)
        await consumer.start(concurrency)

    def _closed(self, *_: Any) -> None:
        self._lost.set()
