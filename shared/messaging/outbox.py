"""The outbox: announced events become rows in the transaction that announces them."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, MetaData, Text, Uuid, bindparam, func, insert, select

from shared.db.executor import Executor
from shared.ids import uuid7
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import Envelope, IntegrationEvent, encode
from shared.messaging.tables import outbox_table

_RESERVED_SECONDS = 3.0
"""How long an event is left to the relay of the process that announced it."""

_ADD = insert(outbox_table(MetaData())).from_select(
    ["id", "envelope", "due_at"],
    select(
        func.unnest(bindparam("ids", type_=ARRAY(Uuid))),
        func.unnest(bindparam("envelopes", type_=ARRAY(Text))),
        func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("reserved")),
    ),
)
ADD_EACH = """
    INSERT INTO outbox (id, envelope, due_at)
    SELECT {of}.event, {of}.envelope, now() + make_interval(secs => :reserved)
"""
"""The same within a statement that does more, for each row of its part `of`."""

Publish = Callable[[Sequence[Envelope]], None]


class Outbox:
    """Writes envelopes; `source` names the service that announces.

    Where a relay runs in the same process, `publish` hands it what has been committed, and the rows
    are reserved for it: nobody else looks at them before it must have died.
    """

    publish: Publish | None = None

    def __init__(self, source: str) -> None:
        self._envelopes = Envelopes(source)

    @property
    def reserved_seconds(self) -> float:
        """How long a row that is added now is left to this process."""
        return _RESERVED_SECONDS if self.publish else 0.0

    def envelopes(self, events: Sequence[IntegrationEvent]) -> list[Envelope]:
        """What will travel."""
        return [self._envelopes.of(event) for event in events]

    async def add(self, tx: Executor, envelopes: Sequence[Envelope]) -> None:
        """Insert all with one statement."""
        ids = [envelope.id for envelope in envelopes]
        await tx.run(_ADD, _rows(ids, envelopes, self.reserved_seconds))

    def committed(self, envelopes: Sequence[Envelope]) -> None:
        """The rows of these are there for everybody to see."""
        if self.publish:
            self.publish(envelopes)


async def announce_again(tx: Executor, envelopes: Sequence[Envelope]) -> None:
    """Let events be published once more, under the ids that they have.

    Their rows have ids of their own: the first announcement may still be under way.
    """
    await tx.run(_ADD, _rows([uuid7() for _ in envelopes], envelopes, 0.0))


def _rows(ids: Sequence[UUID], envelopes: Sequence[Envelope], reserved: float) -> dict[str, Any]:
    encoded = [encode(envelope).decode() for envelope in envelopes]
    return {"ids": list(ids), "envelopes": encoded, "reserved": reserved}
