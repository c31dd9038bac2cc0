"""Hears a broadcast: one message after the other, acknowledged many at a time."""

import asyncio
from collections import deque

import msgspec
from aio_pika.abc import AbstractQueue
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from shared.errors import Unavailable
from shared.messaging.broker import Broadcast
from shared.messaging.delivery import hear
from shared.messaging.event import decode
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.observability.logging import get_logger

log = get_logger(__name__)

_AT_ONCE = 100
"""Messages that this process holds in memory."""


class Listener:
    """Lets a listener hear the messages of its queue, in the order they came.

    On aiormq, which aio-pika is made of: the objects that aio-pika makes of a message cost as much
    as the rest, and an acknowledgement for each of them a write to the socket.
    """

    def __init__(self, channel: Channel, queue: AbstractQueue, broadcast: Broadcast) -> None:
        self._channel = channel
        self._queue = queue
        self._broadcast = broadcast
        self._came = asyncio.Event()
        self._waiting: deque[DeliveredMessage] = deque()

    async def start(self) -> None:
        """Begin to consume; the queue's channel serves nothing else."""
        await self._channel.basic_qos(prefetch_count=_AT_ONCE)
        await self._channel.basic_consume(self._queue.name, self._received)

    async def hear(self) -> None:
        """Hear what comes, until cancelled or the connection is lost, and with it the queue."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                last = self._waiting.popleft()
                await self._hear_one(last)
                if self._waiting or last.delivery_tag is None:
                    continue
                try:
                    with unavailable_when_lost():
                        await self._channel.basic_ack(last.delivery_tag, multiple=True, wait=False)
                except Unavailable:
                    return

    async def _received(self, message: DeliveredMessage) -> None:
        self._waiting.append(message)
        self._came.set()

    async def _hear_one(self, message: DeliveredMessage) -> None:
        try:
            envelope = decode(message.body)
        except msgspec.DecodeError as error:
            log.warning("broadcast_lost", broadcast=self._broadcast.name, error=str(error))
        else:
            await hear(self._broadcast, envelope)
