"""The broker of the embedded deployment: no server, one process, the same contract.

An event stays in its producer's outbox until every subscriber has handled or parked it, so that
nothing is held in memory alone.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any
from uuid import UUID

from msgspec import UNSET

from shared.db.away import DatabaseAway
from shared.errors import Unavailable
from shared.messaging.broker import (
    Broadcast,
    DeadLetter,
    RetryPolicy,
    SubscriberAway,
    Subscription,
    Unroutable,
)
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.delivery import catch_up, deliver, hear
from shared.messaging.event import Envelope
from shared.messaging.failures import is_final, reason
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import all_done, happens_within

log = get_logger(__name__)


class InProcessBroker:
    """Calls the subscribers within `publish`.

    Retries are short, since the publisher waits for them; after the last one the event is parked
    in the subscriber's own schema.
    """

    def __init__(self, retry: RetryPolicy | None = None) -> None:
        self._retry = retry or RetryPolicy((0.05, 0.25, 1.0))
        self._queues: dict[str, _Queue] = {}
        self._broadcasts: list[Broadcast] = []
        self._stopping = asyncio.Event()
        self._stopping.set()
        self._under_way = 0
        self._idle = asyncio.Event()

    def subscribe(self, *subscriptions: Subscription | Broadcast) -> None:
        """Add subscriptions; a `Subscription` must name the database of its dead letters."""
        for one in subscriptions:
            if isinstance(one, Broadcast):
                self._broadcasts.append(one)
            else:
                self._queues[one.name] = _Queue(one, self._retry, self._stopping)

    async def publish(self, *envelopes: Envelope) -> None:
        """Return once every subscriber has handled or parked the events."""
        await self.ping()
        calls = [call for envelope in envelopes for call in self._calls(envelope)]
        if not calls and envelopes[0].must_be_heard:
            raise Unroutable(f"Nothing subscribes to {envelopes[0].type}.")
        self._under_way += 1
        try:
            await all_done(calls)
        finally:
            self._under_way -= 1
            self._idle.set()

    async def run(self, ready: Ready) -> None:
        """Accept events until cancelled, then wait for the handlers under way."""
        self._stopping.clear()
        ready()
        try:
            await asyncio.gather(*(catch_up(one) for one in self._broadcasts))
            await asyncio.Event().wait()
        finally:
            self._stopping.set()
            while self._under_way:
                self._idle.clear()
                await self._idle.wait()

    async def ping(self) -> None:
        """Raise `Unavailable` unless running."""
        if self._stopping.is_set():
            raise Unavailable("The in-process broker is not running.")

    async def dead_letters(self, subscription: str, limit: int = 100) -> list[DeadLetter]:
        """The parked events of a subscription, oldest first."""
        return await self._queue(subscription).letters.oldest(limit)

    async def replay(self, subscription: str, event_id: UUID | None = None) -> int:
        """Put one parked event, or all, into the outbox of the subscriber; the number."""
        return await self._queue(subscription).letters.put_back(event_id)

    async def discard(self, subscription: str, event_id: UUID) -> int:
        """Forget a parked event for good; the number forgotten."""
        return await self._queue(subscription).letters.remove(event_id)

    def _calls(self, envelope: Envelope) -> Iterator[Coroutine[Any, Any, object]]:
        for broadcast in self._broadcasts:
            if _concerns(broadcast, envelope):
                yield hear(broadcast, envelope)
        for queue in self._queues.values():
            if _concerns(queue, envelope):
                yield queue.work_on(envelope)

    def _queue(self, subscription: str) -> "_Queue":
        if subscription not in self._queues:
            known = ", ".join(sorted(self._queues))
            raise LookupError(f"There is no subscription {subscription!r}; there are: {known}")
        return self._queues[subscription]


class _Queue:
    """One subscription with its limit, retries and dead letters."""

    def __init__(
        self, subscription: Subscription, retry: RetryPolicy, stopping: asyncio.Event
    ) -> None:
        if subscription.database is None:
            raise ValueError(f"{subscription.name} must name the database of its dead letters")
        self.name, self.types = subscription.name, subscription.types
        self.letters = DeadLetters(subscription.database, subscription.name)
        self._subscription = subscription
        self._retry = retry
        self._stopping = stopping
        self._free = asyncio.Semaphore(subscription.concurrency)

    async def work_on(self, envelope: Envelope) -> None:
        """Handle the event, with retries, or park it."""
        for attempt, pause in enumerate((*self._retry.delays, None), start=1):
            error = await self._attempt(envelope, attempt)
            if error is None:
                return
            if pause is None or is_final(error):
                await self._park(envelope, error, attempt)
                return
            await self._pause(pause)

    async def _attempt(self, envelope: Envelope, attempt: int) -> Exception | None:
        async with self._free:
            try:
                await deliver(self._subscription.handle, envelope)
            except SubscriberAway:
                raise
            except Exception as error:
                log.warning(
                    "event_not_handled",
                    subscription=self._subscription.name,
                    type=envelope.type,
                    event_id=str(envelope.id),
                    attempt=attempt,
                    exc_info=error,
                )
                return error
        return None

    async def _pause(self, seconds: float) -> None:
        """Sleep; a broker that is told to stop leaves the event in the outbox."""
        if await happens_within(seconds, self._stopping):
            raise Unavailable("The in-process broker is stopping.")

    async def _park(self, envelope: Envelope, error: Exception, attempts: int) -> None:
        try:
            await self.letters.park(envelope, reason(error), attempts)
        except DatabaseAway as away:
            raise SubscriberAway(f"The dead letters cannot be written: {away}") from away
        log.error(
            "event_parked",
            subscription=self._subscription.name,
            type=envelope.type,
            event_id=str(envelope.id),
            attempts=attempts,
        )


def _concerns(listener: "_Queue | Broadcast", envelope: Envelope) -> bool:
    return envelope.type in listener.types and envelope.only_for in (UNSET, listener.name)
