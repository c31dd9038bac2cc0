"""Dead letters in RabbitMQ: how they are listed and replayed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from shared.messaging.broker import DeadLetter
from shared.messaging.event import Envelope, bodies_in, decode
from shared.messaging.rabbitmq.connecting import connect
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.messaging.rabbitmq.messages import (
    PARKED_AT,
    REASON,
    attempts_made,
    parked,
    persistent,
)
from shared.messaging.rabbitmq.topology import declare_dead_queue

_TIMEOUT = 5.0
_ALL = 0
"""As a delivery tag: whatever is not acknowledged (AMQP 0-9-1, basic.nack)."""


class DeadLetterQueue:
    """The dead letters of one subscription, through a connection of its own."""

    def __init__(self, url: str, subscription: str) -> None:
        self._url = url
        self._subscription = subscription

    async def oldest(self, limit: int) -> list[DeadLetter]:
        """Oldest first. Nothing is acknowledged, so all return to their places afterwards."""
        with unavailable_when_lost():
            async with self._messages(limit) as (_, found):
                return [self._letter(one) for one in found]

    async def replay(self, event_id: UUID | None) -> int:
        """Move one, or all, back into the subscription's queue, with all attempts before it."""
        replayed = 0
        with unavailable_when_lost():
            async with self._messages(None) as (channel, found):
                for one in found:
                    if event_id in (None, self._letter(one).envelope.id):
                        await channel.default_exchange.publish(
                            persistent(one.body), self._subscription, timeout=_TIMEOUT
                        )
                        await one.ack()
                        replayed += 1
        return replayed

    async def discard(self, event_id: UUID) -> int:
        """Take one out for good."""
        discarded = 0
        with unavailable_when_lost():
            async with self._messages(None) as (_, found):
                for one in found:
                    if event_id == self._letter(one).envelope.id:
                        await one.ack()
                        discarded += 1
        return discarded

    @asynccontextmanager
    async def _messages(
        self, limit: int | None
    ) -> AsyncIterator[tuple[AbstractChannel, list[AbstractIncomingMessage]]]:
        """What is parked now, each event alone; what is not acknowledged is put back."""
        connection = await connect(self._url, "dead-letters")
        async with connection, connection.channel(on_return_raises=True) as channel:
            queue = await declare_dead_queue(channel, self._subscription)
            yield channel, await _taken(channel, queue, limit)
            # a closed connection does the same, but later: who looks meanwhile would see none
            held = await channel.get_underlay_channel()
            await held.basic_nack(_ALL, multiple=True, requeue=True)

    def _letter(self, message: AbstractIncomingMessage) -> DeadLetter:
        return DeadLetter(
            self._subscription,
            _envelope(message.body),
            _reason(message),
            attempts_made(message),
            _parked_at(message),
        )


async def _taken(
    channel: AbstractChannel, queue: AbstractQueue, limit: int | None
) -> list[AbstractIncomingMessage]:
    """All that is there, asked for one by one: the number that RabbitMQ tells lags behind."""
    taken: list[AbstractIncomingMessage] = []
    while limit is None or len(taken) < limit:
        if (one := await queue.get(fail=False, timeout=_TIMEOUT)) is None:
            break
        if len(bodies := bodies_in(one.body)) > 1:
            await _park_alone(channel, queue, one, bodies)  # they are taken in their turn
        else:
            taken.append(one)
    return taken


async def _park_alone(
    channel: AbstractChannel,
    queue: AbstractQueue,
    message: AbstractIncomingMessage,
    bodies: Sequence[bytes],
) -> None:
    """Several events that RabbitMQ parked itself: each is replayed or discarded alone."""
    for body in bodies:
        letter = parked(body, attempts_made(message), _reason(message), _parked_at(message))
        await channel.default_exchange.publish(letter, queue.name, timeout=_TIMEOUT)
    await message.ack()


def _reason(message: AbstractIncomingMessage) -> str:
    """Ours, or RabbitMQ's own when it parked the message itself."""
    return str(message.headers.get(REASON) or message.headers.get("x-first-death-reason", ""))


def _parked_at(message: AbstractIncomingMessage) -> datetime:
    moment = message.headers.get(PARKED_AT)
    deaths = message.headers.get("x-death")
    if isinstance(deaths, list) and isinstance(deaths[0], dict):
        moment = moment or deaths[0].get("time")
    return moment if isinstance(moment, datetime) else datetime.fromtimestamp(0, UTC)


def _envelope(body: bytes) -> Envelope:
    """The event, or an envelope around a body that is none."""
    try:
        return decode(body)
    except msgspec.DecodeError:
        return Envelope(
            id=UUID(int=0),
            source="",
            type="unreadable",
            time=datetime.fromtimestamp(0, UTC),
            subject="",
            dataschema="",
            data=msgspec.Raw(msgspec.json.encode(body.decode(errors="replace"))),
        )
