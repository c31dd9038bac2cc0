"""How an event travels in an AMQP message."""

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType
from aiormq import spec

ATTEMPTS = "attempts"
REASON = "reason"
PARKED_AT = "parked-at"


_CONTENT_TYPE = "application/cloudevents+json"


def event_properties(event_id: str) -> spec.Basic.Properties:
    """Of an event that is published, which survives a restart of the broker."""
    return spec.Basic.Properties(
        content_type=_CONTENT_TYPE, delivery_mode=DeliveryMode.PERSISTENT, message_id=event_id
    )


def persistent(body: bytes, *, headers: HeadersType | None = None) -> Message:
    """A message that survives a restart of the broker.

    aiormq makes up its id. It tells returned messages apart by it, so copies of one event that are
    under way at the same time may not share one.
    """
    return Message(
        body,
        headers=headers,
        content_type=_CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def attempts_made(message: AbstractIncomingMessage) -> int:
    """How many attempts at handling the message have failed so far."""
    attempts = message.headers.get(ATTEMPTS, 0)
    return attempts if isinstance(attempts, int) else 0
