"""How an event travels in an AMQP message."""

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType

ATTEMPTS = "attempts"
REASON = "reason"
PARKED_AT = "parked-at"


def persistent(
    body: bytes, *, headers: HeadersType | None = None, event_id: str | None = None
) -> Message:
    """A message that survives a restart of the broker.

    Without `event_id` aiormq makes up a message id. It tells returned messages apart by it, so two
    copies of one event that are under way at the same time may not share one.
    """
    return Message(
        body,
        headers=headers,
        content_type="application/cloudevents+json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=event_id,
    )


def attempts_made(message: AbstractIncomingMessage) -> int:
    """How many attempts at handling the message have failed so far."""
    attempts = message.headers.get(ATTEMPTS, 0)
    return attempts if isinstance(attempts, int) else 0
