"""Puts events into envelopes: who says it, when, and in the course of which request."""

import msgspec

from shared.clock import SystemClock
from shared.ids import uuid7
from shared.messaging.event import Envelope, IntegrationEvent
from shared.observability.context import child_traceparent, request_id, traceparent


class Envelopes:
    """Makes envelopes; `source` names the service that announces."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._clock = SystemClock()

    def of(self, event: IntegrationEvent) -> Envelope:
        """The event with a new id, under the ids of the present request."""
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
