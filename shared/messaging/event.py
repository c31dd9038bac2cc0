"""Integration events: what a service tells the others, in a CloudEvents 1.0 envelope.

A service declares what it publishes in its `events.py`::

    class UserRegistered(IntegrationEvent, frozen=True):
        TYPE = "auth.user.registered"
        user_id: UUID
        handle: str

        @property
        def subject(self) -> str:
            return str(self.user_id)
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType


class IntegrationEvent(msgspec.Struct, frozen=True):
    """The data of an event. Its fields are a public contract: only ever add to them."""

    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1
    MUST_BE_HEARD: ClassVar[bool] = True
    """Whether the event waits in the outbox until some subscription's queue exists."""

    @property
    def subject(self) -> str:
        """The id of what the event is about."""
        raise NotImplementedError(f"{type(self).__name__} must name its subject")


class Envelope(
    msgspec.Struct,
    frozen=True,
    rename={"request_id": "requestid", "must_be_heard": "mustbeheard", "only_for": "onlyfor"},
):
    """A CloudEvents 1.0 envelope in the JSON format; `data` stays undecoded until a handler asks.

    `traceparent`, `requestid`, `mustbeheard` and `onlyfor` are extension attributes (their names:
    lower-case letters and digits only, CloudEvents 1.0, 3.1.1).
    """

    id: UUID
    source: str
    type: str
    time: datetime
    subject: str
    dataschema: str
    data: msgspec.Raw
    traceparent: str = ""
    request_id: str = ""
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    must_be_heard: bool = True
    only_for: str | UnsetType = UNSET
    """The subscription that it is replayed to; everybody else has handled it."""


def encode(envelope: Envelope) -> bytes:
    """The envelope as JSON."""
    return msgspec.json.encode(envelope)


_decoder = msgspec.json.Decoder(Envelope)


def decode(body: bytes | memoryview) -> Envelope:
    """The envelope in `body`; raises `msgspec.ValidationError` when it is none."""
    return _decoder.decode(body)
