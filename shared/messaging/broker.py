"""The port to a message broker: what every adapter must do, held by one conformance suite."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.db.database import Database
from shared.errors import Unavailable
from shared.messaging.event import Envelope

Handle = Callable[[Envelope], Awaitable[None]]
"""Takes an event; a clean return acknowledges it, an exception asks for a retry.

A `Problem` that is not `retriable`, or data that cannot be decoded, is parked at once.
"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A durable queue that one consumer at a time of a service works on.

    `name` is `<service>.<purpose>` and never changes; `types` are exact event types. `database` is
    the consuming service's own: where a broker without durable queues parks dead letters.
    """

    name: str
    types: tuple[str, ...]
    handle: Handle
    concurrency: int = 16
    database: Database | None = None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Every process hears every event from now on; what is missed while away is lost.

    `caught_up` runs whenever listening begins or begins again, to fetch what was missed.
    """

    name: str
    types: tuple[str, ...]
    handle: Handle
    caught_up: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a subscription gave up on."""

    subscription: str
    envelope: Envelope
    reason: str
    attempts: int
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds to wait before each further attempt; after the last one the event is parked."""

    delays: tuple[float, ...] = field(default=(1.0, 10.0, 60.0))


class Unroutable(Exception):  # noqa: N818 - the broker's term
    """No queue is bound for an event that must be heard."""


class SubscriberAway(Unavailable):
    """The consuming service's own database is away: the attempt does not count."""

    code, title = "subscriber_away", "The consumer of the event cannot work right now"


class Publisher(Protocol):
    """What those ask of a broker who only publish."""

    async def publish(self, *envelopes: Envelope) -> None:
        """Return once every bound queue has durably accepted the events, as one message.

        They are of one type, all or none of them must be heard, and all are for the same
        subscriptions; each is handled, tried again and parked alone. In-process: once each
        subscriber's inbox transaction has committed, or the event has been parked as a dead letter.
        Raises, for all of them, `Unroutable` when they must be heard and have no queue, and
        `Unavailable` when the broker cannot be reached.
        """
        ...

    async def ping(self) -> None:
        """Raise when the broker does not answer."""
        ...


class Broker(Publisher, Protocol):
    """Publishes events and runs subscriptions."""

    def subscribe(self, *subscriptions: Subscription | Broadcast) -> None:
        """Add subscriptions; called while composing, before `run`."""
        ...

    async def run(self, ready: Callable[[], None]) -> None:
        """Consume until cancelled; `ready` is called once every queue exists.

        A lost connection is reopened and the topology declared anew. Cancelling stops taking new
        events and waits for the handlers under way.
        """
        ...

    async def dead_letters(self, subscription: str, limit: int = 100) -> list[DeadLetter]:
        """The parked events of a subscription, oldest first; they stay parked."""
        ...

    async def replay(self, subscription: str, event_id: UUID | None = None) -> int:
        """Put one parked event, or all, back into the subscription; the number replayed."""
        ...

    async def discard(self, subscription: str, event_id: UUID) -> int:
        """Forget a parked event for good; the number forgotten."""
        ...
