"""Events that travel together: how long they wait for one another, and which of them may."""

from collections.abc import Iterable

from msgspec import UnsetType

from shared.messaging.event import Envelope

GATHERING = 0.01
"""Seconds in which events gather after others were published; after a quiet time nothing waits.

A message costs its publisher and each of its consumers more than the events in it.
"""

_MOST = 50


def batched(envelopes: Iterable[Envelope]) -> list[list[Envelope]]:
    """What `Broker.publish` takes at a time, in the order in which it is to.

    What is said of one subject stays in its order.
    """
    messages: list[list[Envelope]] = []
    newest: dict[tuple[str, bool, str | UnsetType], int] = {}
    told: dict[str, int] = {}
    for envelope in envelopes:
        kind = (envelope.type, envelope.must_be_heard, envelope.only_for)
        at = newest.get(kind, -1)
        if at < told.get(envelope.subject, 0) or len(messages[at]) == _MOST:
            at = newest[kind] = len(messages)
            messages.append([])
        messages[at].append(envelope)
        told[envelope.subject] = at
    return messages
