"""Sends what waits for webhooks, in any number of processes at the same time.

A delivery is claimed by a lease, sent, and settled. Whoever dies in between leaves the lease, after
whose end it is sent again, with the same id. One process sends a few at a time to each webhook, so
that a slow receiver holds up no other.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy.exc import DBAPIError

from jobs_service.webhooks.domain import (
    ATTEMPTS,
    DeliveryState,
    Outcome,
    Verdict,
    is_delivered,
    is_gone,
    judge,
)
from jobs_service.webhooks.queue import Claimed, DeliveryQueue
from jobs_service.webhooks.schemas import Message
from jobs_service.webhooks.sender import SECONDS, Sender
from jobs_service.webhooks.signing import signed_headers
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within
from shared.security.box import Box, NotOpened
from shared.version import VERSION

log = get_logger(__name__)

LEASE = timedelta(seconds=4 * SECONDS)
_POLL_SECONDS = 1.0
"""Jobs end in other processes, which do not wake this one: a look costs one statement."""
_AT_A_TIME = 128
_CUT_OFF = Outcome(error="the last attempt was cut off; whether it arrived is not known")
_DISABLED = Outcome(error="the webhook was disabled")
_UNREADABLE = Outcome(error="the secret was sealed with another SECRET_KEY; rotate it")
_CONTENT = {"content-type": "application/json", "user-agent": f"Madang/{VERSION}"}


class Deliverer:
    """Claims, signs and sends; `wake` tells that there may be something."""

    def __init__(
        self, database: Database, box: Box, sender: Sender, clock: Clock, wake: asyncio.Event
    ) -> None:
        self._database = database
        self._box = box
        self._send = sender
        self._clock = clock
        self._wake = wake
        self._busy: Counter[UUID] = Counter()

    async def run(self, ready: Ready) -> None:
        """Deliver until cancelled, then finish what is being sent."""
        ready()
        async with asyncio.TaskGroup() as sending:
            with suppress(asyncio.CancelledError):  # leaving the group waits for what is sent
                while True:
                    self._wake.clear()
                    for claimed in await self._claim():
                        sending.create_task(self._deliver(claimed))
                    await happens_within(_POLL_SECONDS, self._wake)
        raise asyncio.CancelledError

    async def deliver(self) -> int:
        """Send some of what is due, and wait for its end; how many deliveries."""
        claimed = await self._claim()
        async with asyncio.TaskGroup() as sending:
            for one in claimed:
                sending.create_task(self._deliver(one))
        return len(claimed)

    async def _claim(self) -> Sequence[Claimed]:
        now, room = self._clock.now(), _AT_A_TIME - self._busy.total()
        if room <= 0:
            return []
        try:
            found = await DeliveryQueue(self._database).claim(now, now + LEASE, self._busy, room)
        except (Unavailable, DBAPIError) as error:
            log.warning("webhooks_held_up", error=repr(error))
            return []
        self._busy.update(one.webhook_id for one in found)
        return found

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            await self._attempt(claimed)
        except (Unavailable, DBAPIError) as error:
            # it stays claimed until the lease ends, and is sent again then
            log.warning("webhook_outcome_lost", delivery=str(claimed.id), error=repr(error))
        except Exception:
            log.exception("webhook_delivery_crashed", delivery=str(claimed.id))
        finally:
            self._busy[claimed.webhook_id] -= 1
            if self._busy[claimed.webhook_id] <= 0:
                del self._busy[claimed.webhook_id]
                self._wake.set()  # more may wait for it

    async def _attempt(self, claimed: Claimed) -> None:
        started = self._clock.monotonic()
        outcome = await self._outcome(claimed)
        took = round((self._clock.monotonic() - started) * 1000)
        verdict = judge(outcome, claimed.tries, self._clock.now(), random.random())  # noqa: S311
        if not claimed.enabled:
            verdict = Verdict(DeliveryState.FAILED)
        await DeliveryQueue(self._database).settle(claimed, verdict, outcome, took)
        log.info(
            "webhook_attempted",
            webhook=str(claimed.webhook_id),
            delivery=str(claimed.id),
            about=claimed.event,
            attempt=claimed.attempts,
            status=outcome.status,
            error=outcome.error,
            milliseconds=took,
            state=verdict.state,
        )
        if claimed.enabled:
            await self._note(claimed, outcome)

    async def _outcome(self, claimed: Claimed) -> Outcome:
        if not claimed.enabled:
            return _DISABLED
        # whoever made the last attempt died of it: what kills us every time has to end
        return await self._sent(claimed) if claimed.tries <= ATTEMPTS else _CUT_OFF

    async def _sent(self, claimed: Claimed) -> Outcome:
        message = Message(claimed.event, claimed.created_at, msgspec.Raw(claimed.data.encode()))
        body = msgspec.json.encode(message)
        try:
            keys = self._keys(claimed)
        except NotOpened:
            return _UNREADABLE
        signed = signed_headers(claimed.id, self._clock.now(), body, keys)
        return await self._send(claimed.url, _CONTENT | signed, body)

    def _keys(self, claimed: Claimed) -> list[bytes]:
        """The secret, and the one before for as long as it lasts."""
        sealed = [claimed.secret]
        until = claimed.old_secret_until
        if claimed.old_secret is not None and until is not None and until > self._clock.now():
            sealed.append(claimed.old_secret)
        return [self._box.open(one, claimed.webhook_id.bytes) for one in sealed]

    async def _note(self, claimed: Claimed, outcome: Outcome) -> None:
        """What the outcome says of the webhook itself."""
        queue, webhook = DeliveryQueue(self._database), claimed.webhook_id
        if is_delivered(outcome):
            if claimed.failing_since is not None:
                await queue.webhook_works(webhook)
        elif is_gone(outcome):
            await queue.disable(webhook)
            log.warning("webhook_disabled", webhook=str(webhook), reason="gone")
        elif await queue.webhook_fails(webhook, self._clock.now()):
            log.warning("webhook_disabled", webhook=str(webhook), reason="failing")
