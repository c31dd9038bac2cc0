"""The outbox: announced events become rows in the transaction that announces them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, MetaData, Text, Uuid, bindparam, func, insert, select

from shared.db.executor import Executor
from shared.ids import uuid7
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import Envelope, IntegrationEvent, encode
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
        await _add(tx, [envelope.id for envelope in envelopes], envelopes)


async def announce_again(tx: Executor, envelopes: Sequence[Envelope]) -> None:
    """Let events be published once more, under the ids that they have.

    Their rows have ids of their own: the first announcement may still be under way.
    """
    await _add(tx, [uuid7() for _ in envelopes], envelopes)


async def _add(tx: Executor, ids: Sequence[UUID], envelopes: Sequence[Envelope]) -> None:
    encoded = [encode(envelope).decode() for envelope in envelopes]
    await tx.run(_ADD, {"ids": list(ids), "envelopes": encoded})
