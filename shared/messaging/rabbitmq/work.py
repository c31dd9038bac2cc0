"""What is done with a message: it is handled and acknowledged, put off, or parked."""

from collections.abc import Callable

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.messaging.broker import RetryPolicy, SubscriberAway, Subscription
from shared.messaging.delivery import deliver
from shared.messaging.event import decode
from shared.messaging.failures import is_final, reason
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.messaging.rabbitmq.messages import (
    ATTEMPTS,
    PARKED_AT,
    REASON,
    attempts_made,
    persistent,
)
from shared.messaging.rabbitmq.topology import dead_queue, retry_exchange
from shared.observability.logging import get_logger

log = get_logger(__name__)

_TIMEOUT = 10.0


class SubscriptionWork:
    """Handles the messages of a subscription.

    A failed one is published to where it waits or is parked, confirmed there, and only then
    acknowledged: there are two of it for a moment, never none. When that cannot be done,
    `give_up` closes the connection and RabbitMQ delivers the message again.
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

    async def __call__(self, message: AbstractIncomingMessage) -> None:
        """Handle one message and acknowledge it."""
        error = await self._attempt(message)
        try:
            with unavailable_when_lost():
                if error is not None:
                    await self._put_off_or_park(message, error)
                await message.ack()
        except Unavailable as lost:
            log.warning("event_not_settled", subscription=self._name, error=lost.detail)
            self._give_up()

    async def _attempt(self, message: AbstractIncomingMessage) -> Exception | None:
        envelope = None
        try:
            envelope = decode(message.body)
            # an older release may have bound the queue to types that we no longer know
            if envelope.type in self._subscription.types:
                await deliver(self._subscription.handle, envelope)
        except Exception as error:
            log.warning(
                "event_not_handled",
                subscription=self._name,
                type=envelope and envelope.type,
                event_id=envelope and str(envelope.id),
                attempt=attempts_made(message) + 1,
                exc_info=error,
            )
            return error
        return None

    async def _put_off_or_park(self, message: AbstractIncomingMessage, error: Exception) -> None:
        attempts = attempts_made(message) + (not isinstance(error, SubscriberAway))
        delays = self._retry.delays
        if is_final(error) or attempts > len(delays):
            await self._park(message, error, attempts)
        else:
            waiting = await self._publishing.get_exchange(
                retry_exchange(delays[max(attempts, 1) - 1]), ensure=False
            )
            again = persistent(message.body, headers={ATTEMPTS: attempts})
            await waiting.publish(again, self._name, timeout=_TIMEOUT)

    async def _park(
        self, message: AbstractIncomingMessage, error: Exception, attempts: int
    ) -> None:
        parked = persistent(
            message.body,
            headers={
                ATTEMPTS: attempts,
                REASON: reason(error),
                PARKED_AT: self._clock.now(),
            },
        )
        await self._publishing.default_exchange.publish(
            parked, dead_queue(self._name), timeout=_TIMEOUT
        )
        log.error("event_parked", subscription=self._name, attempts=attempts)
