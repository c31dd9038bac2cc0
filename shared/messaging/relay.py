"""The relay: takes events from the outbox to the broker, and forgets them once confirmed."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    ARRAY,
    MetaData,
    Row,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from shared.db.database import Database, Transaction
from shared.errors import Unavailable
from shared.messaging.broker import Broker
from shared.messaging.event import decode
from shared.messaging.tables import outbox_table
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

_BATCH = 200
_LANES = 4
"""Batches at a time: a subscriber that is slow does not hold up the events behind it."""

_POLL = 1.0
_PUBLISH_TIMEOUT = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_outbox = outbox_table(MetaData())
_these = _outbox.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
_now = func.clock_timestamp()
_CLAIM = (
    select(_outbox.c.id, _outbox.c.envelope, _outbox.c.attempts)
    .where(_outbox.c.due_at <= _now)
    .order_by(_outbox.c.due_at, _outbox.c.id)
    .limit(_BATCH)
    .with_for_update(skip_locked=True)
)
_FORGET = delete(_outbox).where(_these)
_POSTPONE = (
    update(_outbox)
    .where(_these)
    .values(
        attempts=_outbox.c.attempts + 1,
        # 0.5 s, 1 s, 2 s ... at most a minute
        due_at=_now
        + func.least(60, 0.5 * func.pow(2, func.least(_outbox.c.attempts, 10)))
        * literal_column("interval '1 second'"),
    )
)


class Relay:
    """Publishes what one service has announced, in any number of processes at the same time."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._announced = asyncio.Event()
        self._lanes = asyncio.Semaphore(_LANES)
        self._pause = 0.0
        database.on_announced(lambda _: self._announced.set())

    async def run(self, ready: Ready) -> None:
        """Relay until cancelled, then finish the batches under way.

        While the database or the broker is away it tries again, ever less often, and logs once.
        """
        ready()
        async with asyncio.TaskGroup() as batches:
            with suppress(asyncio.CancelledError):  # leaving the group waits for its batches
                while True:
                    await self._lanes.acquire()
                    await self._woken()
                    batches.create_task(self._lane())
        raise asyncio.CancelledError

    async def _woken(self) -> None:
        """Wait for a commit in this process, or for a second, or for the end of a pause."""
        if self._pause:
            await asyncio.sleep(self._pause)
            return
        await happens_within(_POLL, self._announced)
        self._announced.clear()

    async def _lane(self) -> None:
        try:
            if self._pause:
                await self._broker.ping()
            await self._batch()
        except (Unavailable, DBAPIError) as error:
            self._mark_away(error)
        else:
            self._mark_back()
        finally:
            self._lanes.release()

    async def _batch(self) -> None:
        async with self._database.transaction() as tx:
            rows = await tx.all(_CLAIM)
            if len(rows) == _BATCH:
                self._announced.set()  # there may be more: another lane takes them meanwhile
            outcomes = await asyncio.gather(
                *(self._publish(row.envelope) for row in rows), return_exceptions=True
            )
            await self._settle(tx, rows, outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Unavailable):
                raise outcome

    async def _publish(self, envelope: str) -> None:
        async with asyncio.timeout(_PUBLISH_TIMEOUT):
            await self._broker.publish(decode(envelope.encode()))

    async def _settle(
        self, tx: Transaction, rows: Sequence[Row[Any]], outcomes: Sequence[BaseException | None]
    ) -> None:
        """Forget what is confirmed and postpone what is refused.

        What met an absent broker stays as it is: that is not the event's fault.
        """
        confirmed, refused = [], []
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome is None:
                confirmed.append(row.id)
            elif isinstance(outcome, Exception) and not isinstance(outcome, Unavailable):
                refused.append(row.id)
                if row.attempts == 0:
                    log.warning("event_postponed", event_id=str(row.id), error=repr(outcome))
        if confirmed:
            await tx.run(_FORGET, {"ids": confirmed})
        if refused:
            await tx.run(_POSTPONE, {"ids": refused})

    def _mark_away(self, error: Exception) -> None:
        if not self._pause:
            log.warning("relay_held_up", error=repr(error))
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _mark_back(self) -> None:
        if self._pause:
            log.info("relay_resumed")
        self._pause = 0.0
