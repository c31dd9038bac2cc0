"""The outbox: announced events become rows in the transaction that announces them."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ARRAY, MetaData, Text, Uuid, bindparam, func, insert, select

from shared.clock import SystemClock
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.messaging.event import Envelope, IntegrationEvent, encode
from shared.messaging.tables import outbox_table
from shared.observability.context import child_traceparent, request_id, traceparent

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
        self._source = source
        self._clock = SystemClock()

    async def add(self, tx: Executor, events: Sequence[IntegrationEvent]) -> None:
        """Insert every event with one statement."""
        envelopes = [self._envelope(event) for event in events]
        await tx.run(
            _ADD,
            {
                "ids": [envelope.id for envelope in envelopes],
                "envelopes": [encode(envelope).decode() for envelope in envelopes],
            },
        )

    def _envelope(self, event: IntegrationEvent) -> Envelope:
        return Envelope(
            id=uuid7(),
            source=self._source,
            type=event.TYPE,
            time=self._clock.now(),
            subject=event.subject,
            dataschema=f"{event.TYPE}/v{event.VERSION}",
            data=msgspec.Raw(msgspec.json.encode(event)),
            traceparent=traceparent.get() or child_traceparent(""),
            request_id=request_id.get(),
            must_be_heard=event.MUST_BE_HEARD,
        )
