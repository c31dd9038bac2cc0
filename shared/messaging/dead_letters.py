"""Dead letters in a service's own schema, for a broker that has no durable queues."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, MetaData, Row, Uuid, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.database import Database
from shared.messaging.broker import DeadLetter
from shared.messaging.event import Envelope, decode, encode
from shared.messaging.outbox import announce_again
from shared.messaging.tables import dead_letters_table

_letters = dead_letters_table(MetaData())

_insert = insert(_letters)
_PARK = _insert.on_conflict_do_update(
    index_elements=["subscription", "event_id"],
    set_={
        "reason": _insert.excluded.reason,
        "attempts": _letters.c.attempts + _insert.excluded.attempts,
        "parked_at": func.clock_timestamp(),
    },
)
_OF_SUBSCRIPTION = (
    select(_letters)
    .where(_letters.c.subscription == bindparam("subscription"))
    .order_by(_letters.c.parked_at, _letters.c.event_id)
)
_OLDEST = _OF_SUBSCRIPTION.limit(bindparam("limit", type_=Integer))
_REMOVE = delete(_letters).where(
    _letters.c.subscription == bindparam("subscription"),
    or_(
        bindparam("event_id", type_=Uuid).is_(None),
        _letters.c.event_id == bindparam("event_id", type_=Uuid),
    ),
)
_TAKE = _REMOVE.returning(_letters.c.envelope)


class DeadLetters:
    """The parked events of one subscription."""

    def __init__(self, database: Database, subscription: str) -> None:
        self._database = database
        self._subscription = subscription

    async def park(self, envelope: Envelope, reason: str, attempts: int) -> None:
        """Keep an event that was given up on; one parked again adds up its attempts."""
        await self._database.run(
            _PARK,
            {
                "subscription": self._subscription,
                "event_id": envelope.id,
                "envelope": encode(envelope).decode(),
                "reason": reason,
                "attempts": attempts,
            },
        )

    async def remove(self, event_id: UUID) -> int:
        """Forget one; how many there were."""
        return await self._database.run(
            _REMOVE, {"subscription": self._subscription, "event_id": event_id}
        )

    async def put_back(self, event_id: UUID | None) -> int:
        """Move one, or all, to the outbox, for this subscription alone; how many.

        The relay of the service hands them over, now or when it next runs.
        """
        mine = {"subscription": self._subscription, "event_id": event_id}
        async with self._database.transaction() as tx:
            taken = [decode(row.envelope.encode()) for row in await tx.all(_TAKE, mine)]
            taken.sort(key=lambda one: one.id)
            await announce_again(
                tx, [msgspec.structs.replace(one, only_for=self._subscription) for one in taken]
            )
        return len(taken)

    async def oldest(self, limit: int) -> list[DeadLetter]:
        """Oldest first."""
        rows = await self._database.all(
            _OLDEST, {"subscription": self._subscription, "limit": limit}
        )
        return [_letter(row) for row in rows]


def _letter(row: Row[Any]) -> DeadLetter:
    envelope = decode(row.envelope.encode())
    return DeadLetter(row.subscription, envelope, row.reason, row.attempts, row.parked_at)
