"""One connection and all that hangs on it; when any part of it closes, the whole is given up."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.channel import Channel

from shared.errors import Unavailable
from shared.messaging.broker import Broadcast, RetryPolicy, Subscription
from shared.messaging.delivery import catch_up
from shared.messaging.event import Envelope, encode
from shared.messaging.rabbitmq.connecting import CONNECT_TIMEOUT, connect
from shared.messaging.rabbitmq.consumer import Consumer
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.messaging.rabbitmq.listener import Listener
from shared.messaging.rabbitmq.messages import event_properties
from shared.messaging.rabbitmq.topology import (
    EVENTS,
    declare_broadcast,
    declare_events,
    declare_retries,
    declare_subscription,
)
from shared.messaging.rabbitmq.work import SubscriptionWork
from shared.observability.logging import get_logger

log = get_logger(__name__)

_CLOSE_TIMEOUT = 5.0


class Link:
    """An open connection, with a channel to publish on and one for each consumer."""

    _publishing: Channel

    def __init__(self, connection: AbstractConnection, tasks: asyncio.TaskGroup) -> None:
        self._connection = connection
        self._tasks = tasks
        self._consumers: list[Consumer] = []
        self._listening: list[asyncio.Task[None]] = []
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
                await declare_events(publishing)
                self._publishing = await _underlay(publishing)
                await declare_retries(publishing, retry)
                for subscription in subscriptions:
                    work = SubscriptionWork(subscription, retry, publishing, self.give_up)
                    await self._subscribe(subscription, work)
                for broadcast in broadcasts:
                    await self._listen(broadcast)
        except BaseException:
            await self.close()
            raise

    async def publish(self, envelopes: Sequence[Envelope], timeout: float) -> None:
        """Return once every bound queue has the events; raises `PublishError` when they must be
        heard and there is none, and aiormq's errors of lost connections.

        On aiormq: what aio-pika wraps around it costs half as much again.
        """
        await self._publishing.basic_publish(
            encode(*envelopes),
            exchange=EVENTS,
            routing_key=envelopes[0].type,
            properties=event_properties(envelopes),
            mandatory=envelopes[0].must_be_heard,
            timeout=timeout,
            wait=False,
        )

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
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*(one.stop() for one in self._consumers))

    async def close(self) -> None:
        """Close the connection; handlers under way are not waited for."""
        for task in self._listening:
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
        consumer = Consumer(channel, queue, work, self._tasks)
        self._consumers.append(consumer)
        await consumer.start(subscription.concurrency)

    async def _listen(self, broadcast: Broadcast) -> None:
        channel = await self._channel()
        queue = await declare_broadcast(channel, broadcast)
        listener = Listener(await _underlay(channel), queue, broadcast)
        await listener.start()
        self._listening += map(self._tasks.create_task, (listener.hear(), catch_up(broadcast)))

    def _closed(self, *_: Any) -> None:
        self._lost.set()


async def _underlay(channel: AbstractChannel) -> Channel:
    """What aio-pika's channel is made of."""
    underlay = await channel.get_underlay_channel()
    if not isinstance(underlay, Channel):
        raise TypeError(f"aio-pika is made of {type(underlay)}, and no longer of aiormq's channel")
    return underlay
