"""What is done with a message: it is handled and acknowledged, put off, or parked."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.messaging.broker import RetryPolicy, SubscriberAway, Subscription
from shared.messaging.delivery import deliver
from shared.messaging.event import bodies_in, decode
from shared.messaging.failures import is_final, reason
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.messaging.rabbitmq.messages import ATTEMPTS, attempts_made, parked, persistent
from shared.messaging.rabbitmq.topology import dead_queue, retry_exchange
from shared.observability.logging import get_logger
from shared.runtime.waiting import all_done

log = get_logger(__name__)

_TIMEOUT = 10.0


class SubscriptionWork:
    """Handles the messages of a subscription, each event of one as if it had come alone.

    A failed one is published to where it waits or is parked, confirmed there, and only then is its
    message acknowledged: there are two of it for a moment, never none. When that cannot be done,
    `give_up` closes the connection and RabbitMQ delivers the message again.

    Several events that are delivered again return to the queue alone: their consumer may have died
    of one of them.
    """

    def __init__(
        self,
        subscription: Subscription,
        retry: RetryPolicy,
        publishing: AbstractChannel,
        give_up: Callable[[], None],
    ) -> None:
        self._subscription = subscription
        self._name = subscription.name
        self._retry = retry
        self._publishing = publishing
        self._give_up = give_up
        self._clock = SystemClock()
        self._free = asyncio.Semaphore(subscription.concurrency)

    async def __call__(self, message: AbstractIncomingMessage) -> None:
        """Handle one message and acknowledge it."""
        try:
            with unavailable_when_lost():
                await all_done(self._calls(message))
                await message.ack()
        except Unavailable as lost:
            log.warning("event_not_settled", subscription=self._name, error=lost.detail)
            self._give_up()

    def _calls(self, message: AbstractIncomingMessage) -> list[Coroutine[Any, Any, None]]:
        bodies, attempts = bodies_in(message.body), attempts_made(message)
        if message.redelivered and len(bodies) > 1:
            return [self._send(persistent(body), self._name) for body in bodies]
        return [self._work_on(body, attempts) for body in bodies]

    async def _work_on(self, body: bytes, attempts: int) -> None:
        async with self._free:
            error = await self._attempt(body, attempts + 1)
        if error is not None:
            await self._put_off_or_park(body, attempts, error)

    async def _attempt(self, body: bytes, attempt: int) -> Exception | None:
        envelope = None
        try:
            envelope = decode(body)
            # an older release may have bound the queue to types that we no longer know
            if envelope.type in self._subscription.types:
                await deliver(self._subscription.handle, envelope)
        except Exception as error:
            log.warning(
                "event_not_handled",
                subscription=self._name,
                type=envelope and envelope.type,
                event_id=envelope and str(envelope.id),
                attempt=attempt,
                exc_info=error,
            )
            return error
        return None

    async def _put_off_or_park(self, body: bytes, attempts: int, error: Exception) -> None:
        attempts += not isinstance(error, SubscriberAway)
        delays = self._retry.delays
        if is_final(error) or attempts > len(delays):
            await self._park(body, attempts, error)
        else:
            waiting = await self._publishing.get_exchange(
                retry_exchange(delays[max(attempts, 1) - 1]), ensure=False
            )
            again = persistent(body, headers={ATTEMPTS: attempts})
            await waiting.publish(again, self._name, timeout=_TIMEOUT)

    async def _park(self, body: bytes, attempts: int, error: Exception) -> None:
        letter = parked(body, attempts, reason(error), self._clock.now())
        await self._send(letter, dead_queue(self._name))
        log.error("event_parked", subscription=self._name, attempts=attempts)

    async def _send(self, message: Message, queue: str) -> None:
        await self._publishing.default_exchange.publish(message, queue, timeout=_TIMEOUT)
