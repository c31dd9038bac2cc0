"""Every exchange and queue, by name and arguments. Declared anew on each connection.

::

    madang.events ──type──▶ <subscription>             one quorum queue per subscription
                               │ failed: published by the consumer, with its attempts
                               ├──▶ madang.retry.<n>ms    waits, then returns by the queue's name
                               └──▶ <subscription>.dead   until replayed or removed

Arguments can never change once a queue exists (RabbitMQ refuses a different declaration).
"""

from collections.abc import Iterable

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from shared.messaging.broker import Broadcast, RetryPolicy, Subscription

EVENTS = "madang.events"

_DELIVERY_LIMIT = 20
"""A consumer that dies of an event this many times has it parked. RabbitMQ's own default from
4.0 on; set here so that older versions do the same."""

_NO_DELIVERY_LIMIT = 1_000_000_000
"""Looking at dead letters counts as a delivery; 3.10 does not know -1 for `no limit`."""

_BROADCASTS_WAITING = 10_000

# A dead-lettered message stays until its target has confirmed it (RabbitMQ 3.10 and later).
_KEEP_UNTIL_MOVED = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


def dead_queue(subscription: str) -> str:
    """Where the dead letters of a subscription wait."""
    return f"{subscription}.dead"


def retry_exchange(seconds: float) -> str:
    """Where an event waits before its next attempt; its routing key is the queue to return to."""
    return f"madang.retry.{round(seconds * 1000)}ms"


async def declare_events(channel: AbstractChannel) -> AbstractExchange:
    """Declare the exchange of all events."""
    return await channel.declare_exchange(EVENTS, ExchangeType.TOPIC, durable=True)


async def declare_retries(channel: AbstractChannel, retry: RetryPolicy) -> None:
    """Declare one waiting queue per delay, shared by every subscription."""
    for seconds in retry.delays:
        name = retry_exchange(seconds)
        exchange = await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
        queue = await channel.declare_queue(
            name,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-message-ttl": round(seconds * 1000),
                "x-dead-letter-exchange": "",
                **_KEEP_UNTIL_MOVED,
            },
        )
        await queue.bind(exchange)


async def declare_dead_queue(channel: AbstractChannel, subscription: str) -> AbstractQueue:
    """Declare the queue of a subscription's dead letters."""
    return await channel.declare_queue(
        dead_queue(subscription),
        durable=True,
        arguments={"x-queue-type": "quorum", "x-delivery-limit": _NO_DELIVERY_LIMIT},
    )


async def declare_subscription(
    channel: AbstractChannel, subscription: Subscription
) -> AbstractQueue:
    """Declare the queue of a subscription, bound to its types, and that of its dead letters."""
    await declare_dead_queue(channel, subscription.name)
    queue = await channel.declare_queue(
        subscription.name,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": _DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_queue(subscription.name),
            **_KEEP_UNTIL_MOVED,
        },
    )
    await _bind(queue, subscription.types)
    return queue


async def declare_broadcast(channel: AbstractChannel, broadcast: Broadcast) -> AbstractQueue:
    """Declare a queue of this process alone, which goes when the connection goes."""
    queue = await channel.declare_queue(
        exclusive=True,
        auto_delete=True,
        arguments={"x-queue-type": "classic", "x-max-length": _BROADCASTS_WAITING},
    )
    await _bind(queue, broadcast.types)
    return queue


async def _bind(queue: AbstractQueue, types: Iterable[str]) -> None:
    for event_type in types:
        await queue.bind(EVENTS, event_type)
