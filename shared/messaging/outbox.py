"""The outbox: announced events become rows in the transaction that announces them."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, MetaData, Text, Uuid, bindparam, func, insert, select

from shared.db.executor import Executor
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import IntegrationEvent, encode
from shared.messaging.tables import outbox_table

_ADD = insert(outbox_table(MetaData())).from_select(
    ["id", "envelope"],
    select(
        func.unnest(bindparam("ids", type_=ARRAY(Uuid))),
        func.unnest(bindparam("envelopes", type_=ARRAY(Text))),
    ),
)


class Outbox:
    """Writes envelopes; `source` names the service that announces."""

    def __init__(self, source: str) -> None:
        self._envelopes = Envelopes(source)

    async def add(self, tx: Executor, events: Sequence[IntegrationEvent]) -> None:
        """Insert every event with one statement."""
        envelopes = [self._envelopes.of(event) for event in events]
        await tx.run(
            _ADD,
            {
                "ids": [envelope.id for envelope in envelopes],
                "envelopes": [encode(envelope).decode() for envelope in envelopes],
            },
        )
