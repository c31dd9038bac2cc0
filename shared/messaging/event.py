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

from shared.errors import UNREADABLE


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


def encode(*envelopes: Envelope) -> bytes:
    """The envelope as JSON; several as a batch (CloudEvents 1.0, JSON format, 4)."""
    return msgspec.json.encode(envelopes[0] if len(envelopes) == 1 else envelopes)


_decoder = msgspec.json.Decoder(Envelope)
_batch = msgspec.json.Decoder(list[msgspec.Raw])


def decode(body: bytes | memoryview) -> Envelope:
    """The envelope in `body`; raises `msgspec.DecodeError` when it is none."""
    try:
        return _decoder.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"cannot be read: {error}") from error


def bodies_in(body: bytes) -> list[bytes]:
    """The bodies of a batch, each as if its event had come alone; of anything else, `body` itself.

    None is decoded: one that cannot be loses nothing of the others.
    """
    if not body.startswith(b"["):
        return [body]
    try:
        return [bytes(one) for one in _batch.decode(body)] or [body]
    except UNREADABLE:
        return [body]
