"""How events travel in an AMQP message."""

from collections.abc import Sequence
from datetime import datetime

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType
from aiormq import spec

from shared.messaging.event import Envelope

ATTEMPTS = "attempts"
REASON = "reason"
PARKED_AT = "parked-at"


_ONE = "application/cloudevents+json"
_SEVERAL = "application/cloudevents-batch+json"


def event_properties(envelopes: Sequence[Envelope]) -> spec.Basic.Properties:
    """Of events that are published in one message, which survives a restart of the broker."""
    return spec.Basic.Properties(
        content_type=_ONE if len(envelopes) == 1 else _SEVERAL,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(envelopes[0].id),
    )


def persistent(body: bytes, *, headers: HeadersType | None = None) -> Message:
    """A message of one event, that survives a restart of the broker.

    aiormq makes up its id. It tells returned messages apart by it, so copies of one event that are
    under way at the same time may not share one.
    """
    return Message(
        body,
        headers=headers,
        content_type=_ONE,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def parked(body: bytes, attempts: int, reason: str, at: datetime) -> Message:
    """A dead letter, and what it has come to that by."""
    return persistent(body, headers={ATTEMPTS: attempts, REASON: reason, PARKED_AT: at})


def attempts_made(message: AbstractIncomingMessage) -> int:
    """How many attempts at handling the message have failed so far."""
    attempts = message.headers.get(ATTEMPTS, 0)
    return attempts if isinstance(attempts, int) else 0
