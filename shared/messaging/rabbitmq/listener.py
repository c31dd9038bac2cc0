"""Hears a broadcast: one message after the other, acknowledged many at a time."""

import asyncio
from collections import deque

import msgspec
from aio_pika.abc import AbstractQueue
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.messaging.broker import Broadcast
from shared.messaging.delivery import hear
from shared.messaging.event import bodies_in, decode
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.observability.logging import get_logger
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

_AT_ONCE = 100
"""Messages that RabbitMQ sends without an acknowledgement; each half of them is given one.

Nothing is safer by more of them, since the queue goes with the connection: they say that this
process keeps up.
"""

_LONGEST_UNACKNOWLEDGED = 60.0
"""Seconds; RabbitMQ closes the channel of a consumer that owes one for half an hour."""


class Listener:
    """Lets a listener hear the events of its queue, in the order they came.

    On aiormq, which aio-pika is made of: the objects that aio-pika makes of a message cost as much
    as the rest.
    """

    def __init__(self, channel: Channel, queue: AbstractQueue, broadcast: Broadcast) -> None:
        self._channel = channel
        self._queue = queue
        self._broadcast = broadcast
        self._came = asyncio.Event()
        self._waiting: deque[DeliveredMessage] = deque()
        self._heard, self._last = 0, 0
        self._clock = SystemClock()
        self._acknowledged = self._clock.monotonic()

    async def start(self) -> None:
        """Begin to consume; the queue's channel serves nothing else."""
        await self._channel.basic_qos(prefetch_count=_AT_ONCE)
        await self._channel.basic_consume(self._queue.name, self._received)

    async def hear(self) -> None:
        """Hear what comes, until cancelled or the connection is lost, and with it the queue."""
        while True:
            await happens_within(_LONGEST_UNACKNOWLEDGED, self._came)
            self._came.clear()
            while self._waiting:
                await self._hear(self._waiting.popleft())
                if not await self._keep_up():
                    return
            if not await self._keep_up():
                return

    async def _keep_up(self) -> bool:
        """Acknowledge what was heard, when it is time to; False when the connection is lost."""
        now = self._clock.monotonic()
        late = now - self._acknowledged > _LONGEST_UNACKNOWLEDGED
        if self._heard < _AT_ONCE // 2 and not (self._heard and late):
            return True
        self._heard, self._acknowledged = 0, now
        try:
            with unavailable_when_lost():
                await self._channel.basic_ack(self._last, multiple=True, wait=False)
        except Unavailable:
            return False
        return True

    async def _received(self, message: DeliveredMessage) -> None:
        self._waiting.append(message)
        self._came.set()

    async def _hear(self, message: DeliveredMessage) -> None:
        self._heard, self._last = self._heard + 1, message.delivery_tag or 0
        for body in bodies_in(message.body):
            await self._hear_one(body)

    async def _hear_one(self, body: bytes) -> None:
        try:
            envelope = decode(body)
        except msgspec.DecodeError as error:
            log.warning("broadcast_lost", broadcast=self._broadcast.name, error=str(error))
        else:
            await hear(self._broadcast, envelope)
