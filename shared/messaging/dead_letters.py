"""Dead letters in a service's own schema, for a broker that has no durable queues."""

from typing import Any
from uuid import UUID

from sqlalchemy import Integer, MetaData, Row, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from shared.db.database import Database
from shared.messaging.broker import DeadLetter
from shared.messaging.event import Envelope, decode, encode
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
_ONE = _OF_SUBSCRIPTION.where(_letters.c.event_id == bindparam("event_id"))
_REMOVE = delete(_letters).where(
    _letters.c.subscription == bindparam("subscription"),
    _letters.c.event_id == bindparam("event_id"),
)


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

    async def oldest(self, limit: int | None = None) -> list[DeadLetter]:
        """Oldest first; all of them without a limit."""
        rows = await self._database.all(
            _OLDEST, {"subscription": self._subscription, "limit": limit}
        )
        return [_letter(row) for row in rows]

    async def one(self, event_id: UUID) -> list[DeadLetter]:
        """The one with this id, or none."""
        rows = await self._database.all(
            _ONE, {"subscription": self._subscription, "event_id": event_id}
        )
        return [_letter(row) for row in rows]


def _letter(row: Row[Any]) -> DeadLetter:
    envelope = decode(row.envelope.encode())
    return DeadLetter(row.subscription, envelope, row.reason, row.attempts, row.parked_at)
