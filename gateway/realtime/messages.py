"""What clients are sent: events as JSON, framed once however many hear them."""

import struct
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

_SHORT, _MEDIUM = 126, 1 << 16


class EventMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something happened to what the user owns; an id that comes twice is the same event."""

    id: UUID
    type: str
    time: datetime
    data: Any


class Message:
    """An event ready to be sent, and when it was heard, in seconds of the monotonic clock."""

    __slots__ = ("_start", "frame", "heard_at", "id", "news", "type")

    def __init__(self, event: EventMessage, news: Any, heard_at: float) -> None:
        body = msgspec.json.encode(event)
        self.id = str(event.id)
        self.type = event.type
        self.news = news
        self.heard_at = heard_at
        self.frame = text_frame(body)
        self._start = len(self.frame) - len(body)

    @property
    def body(self) -> bytes:
        """The JSON alone."""
        return self.frame[self._start :]


def text_frame(payload: bytes) -> bytes:
    """A whole text message as a server frames it (RFC 6455, 5.2)."""
    length = len(payload)
    if length < _SHORT:
        head = struct.pack("!BB", 0x81, length)
    elif length < _MEDIUM:
        head = struct.pack("!BBH", 0x81, 126, length)
    else:
        head = struct.pack("!BBQ", 0x81, 127, length)
    return head + payload


def stream_event(kind: str, body: bytes, event_id: str = "") -> bytes:
    """An event as SSE writes it; JSON of ours holds no line break."""
    head = f"id: {event_id}\nevent: {kind}\ndata: " if event_id else f"event: {kind}\ndata: "
    return head.encode() + body + b"\n\n"
