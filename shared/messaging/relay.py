"""The relay: takes events from the outbox to the broker, and forgets them once confirmed."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    MetaData,
    Uuid,
    all_,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from shared.db.database import Database
from shared.db.executor import Executor
from shared.errors import Unavailable
from shared.messaging.batches import GATHERING, batched
from shared.messaging.broker import Publisher
from shared.messaging.event import Envelope, decode
from shared.messaging.tables import outbox_table
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

_BATCH = 200
_LANES = 4
"""Batches at a time: a subscriber that is slow does not hold up the events behind it."""

_MOST_FRESH = 10_000
"""Events kept in memory; what is announced beyond is taken from the table, by anybody."""

_FORGETTING = 0.05
"""Seconds between the deletions of what was confirmed: a deletion each would cost more than the
publishing."""

_POLL = 1.0
_PUBLISH_TIMEOUT = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_outbox = outbox_table(MetaData())
_these = _outbox.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
_now = func.clock_timestamp()
_CLAIM = (
    select(_outbox.c.id, _outbox.c.envelope, _outbox.c.attempts)
    .where(_outbox.c.due_at <= _now)
    .where(_outbox.c.id != all_(bindparam("in_hand", type_=ARRAY(Uuid))))
    .order_by(_outbox.c.due_at, _outbox.c.id)
    .limit(_BATCH)
    .with_for_update(skip_locked=True)
)
_FORGET = delete(_outbox).where(_these)
_RELEASE = update(_outbox).where(_these).values(due_at=_now)
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
    """Publishes what one service has announced, in any number of processes at the same time.

    What this process announces is published from memory, right after its commit; only what follows
    soon after waits a moment, to go together. The rows are forgotten a little later, many at once.
    The table itself is looked at once a second, for what is left: by a process that was killed, by
    one without a relay, by an outage.
    """

    def __init__(self, database: Database, broker: Publisher) -> None:
        self._database = database
        self._broker = broker
        self._lanes = asyncio.Semaphore(_LANES)
        self._fresh: deque[Envelope] = deque()
        self._announced = asyncio.Event()
        self._full = asyncio.Event()
        self._to_forget = asyncio.Event()
        self._in_hand: set[UUID] = set()
        self._confirmed: list[UUID] = []
        self._pause = 0.0

    async def run(self, ready: Ready) -> None:
        """Relay until cancelled, then finish what is in hand.

        While the database or the broker is away it tries again, ever less often, and logs once.
        """
        self._database.outbox.publish = self._take
        ready()
        try:
            async with asyncio.TaskGroup() as batches:
                with suppress(asyncio.CancelledError):  # leaving the group waits for its batches
                    async with asyncio.TaskGroup() as loops:
                        loops.create_task(self._publish_fresh(batches))
                        loops.create_task(self._look(batches))
                        loops.create_task(self._forget())
                self._database.outbox.publish = None
                while self._fresh:
                    await self._publish_next(batches)
        finally:
            self._database.outbox.publish = None
        await self._forget_confirmed()
        raise asyncio.CancelledError

    def _take(self, envelopes: Sequence[Envelope]) -> None:
        """Publish these soon; in bad times they are left to a later look."""
        if not self._pause and len(self._fresh) < _MOST_FRESH:
            self._fresh.extend(envelopes)
            self._in_hand.update(envelope.id for envelope in envelopes)
            self._announced.set()

    async def _publish_next(self, batches: asyncio.TaskGroup) -> None:
        await self._lanes.acquire()
        batch = [self._fresh.popleft() for _ in range(min(_BATCH, len(self._fresh)))]
        batches.create_task(self._lane(self._fresh_batch(batch)))

    async def _publish_fresh(self, batches: asyncio.TaskGroup) -> None:
        while True:
            await self._announced.wait()
            await self._publish_next(batches)
            if not self._fresh:
                self._announced.clear()
                await asyncio.sleep(GATHERING)

    async def _fresh_batch(self, batch: Sequence[Envelope]) -> bool:
        messages = batched(batch)
        settled = await self._publish_all(
            [[envelope.id for envelope in message] for message in messages],
            [self._publish(*message) for message in messages],
        )
        self._confirmed += settled.confirmed
        self._to_forget.set()
        self._in_hand.difference_update(settled.left, settled.refused)
        for event_id, error in settled.refused.items():
            log.warning("event_postponed", event_id=str(event_id), error=repr(error))
        await settled.postpone(self._database)
        if settled.left:
            await self._database.run(_RELEASE, {"ids": settled.left})
        settled.raise_if_away()
        return bool(settled.confirmed)

    async def _forget(self) -> None:
        while True:
            await self._to_forget.wait()
            await asyncio.sleep(self._pause or _FORGETTING)
            self._to_forget.clear()
            await self._forget_confirmed()

    async def _forget_confirmed(self) -> None:
        """What this process does not come to forget is published once more, by another."""
        confirmed, self._confirmed = self._confirmed, []
        if not confirmed:
            return
        try:
            await self._database.run(_FORGET, {"ids": confirmed})
        except (Unavailable, DBAPIError) as error:
            self._mark_away(error)
            self._confirmed += confirmed
            self._to_forget.set()
        except asyncio.CancelledError:  # `run` ends: it forgets what is left
            self._confirmed += confirmed
            raise
        else:
            self._in_hand.difference_update(confirmed)

    async def _look(self, batches: asyncio.TaskGroup) -> None:
        """For what is left over, ever less often while the database or the broker is away."""
        while True:
            await self._lanes.acquire()
            self._full.clear()
            batches.create_task(self._lane(self._left_over()))
            await happens_within(self._pause or _POLL, self._full)

    async def _left_over(self) -> bool:
        if was_away := self._pause > 0:
            await self._broker.ping()
        async with self._database.transaction() as tx:
            rows = await tx.all(_CLAIM, {"in_hand": list(self._in_hand)})
            if len(rows) == _BATCH:
                self._full.set()  # there may be more: another lane takes them meanwhile
            settled = await self._publish_all(
                [[row.id] for row in rows], [self._publish_encoded(row.envelope) for row in rows]
            )
            if settled.confirmed:
                await tx.run(_FORGET, {"ids": settled.confirmed})
            await settled.postpone(tx)
        for row in rows:
            if row.attempts == 0 and (error := settled.refused.get(row.id)):
                log.warning("event_postponed", event_id=str(row.id), error=repr(error))
        settled.raise_if_away()
        return was_away or bool(settled.confirmed)

    async def _lane(self, batch: Coroutine[Any, Any, bool]) -> None:
        """Do a batch, which says whether it has shown that all is well."""
        try:
            if await batch:
                self._mark_back()
        except (Unavailable, DBAPIError) as error:
            self._mark_away(error)
        finally:
            self._lanes.release()

    async def _publish_all(
        self, ids: Sequence[list[UUID]], publishing: Sequence[Coroutine[Any, Any, None]]
    ) -> "_Settled":
        """Publish these messages; the rows of the events of each have these ids."""
        return _Settled(ids, await asyncio.gather(*publishing, return_exceptions=True))

    async def _publish_encoded(self, envelope: str) -> None:
        """What cannot be read is refused, as what nobody hears is: it holds up nothing else.

        Alone, as is all that is left over: it may have been refused for another of its message.
        """
        await self._publish(decode(envelope.encode()))

    async def _publish(self, *envelopes: Envelope) -> None:
        async with asyncio.timeout(_PUBLISH_TIMEOUT):
            await self._broker.publish(*envelopes)

    def _mark_away(self, error: Exception) -> None:
        if not self._pause:
            log.warning("relay_held_up", error=repr(error))
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _mark_back(self) -> None:
        if self._pause:
            log.info("relay_resumed")
        self._pause = 0.0


class _Settled:
    """What became of a batch: confirmed, refused, or left as they are, since the broker is away."""

    def __init__(
        self, messages: Sequence[list[UUID]], outcomes: Sequence[BaseException | None]
    ) -> None:
        self.confirmed: list[UUID] = []
        self.refused: dict[UUID, BaseException] = {}
        self.left: list[UUID] = []
        self._away: Unavailable | None = None
        for ids, outcome in zip(messages, outcomes, strict=True):
            if outcome is None:
                self.confirmed += ids
            elif isinstance(outcome, Unavailable):
                self.left += ids
                self._away = outcome
            else:  # also a cancellation, of something that a subscriber waited for
                self.refused.update(dict.fromkeys(ids, outcome))

    async def postpone(self, executor: Executor) -> None:
        """Let what was refused wait before its next try."""
        if self.refused:
            await executor.run(_POSTPONE, {"ids": list(self.refused)})

    def raise_if_away(self) -> None:
        """Raise what an absent broker met with."""
        if self._away:
            raise self._away
