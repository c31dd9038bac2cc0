"""What a WebSocket's client may say, and what it is answered."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from gateway.realtime.messages import text_frame
from shared.errors import Malformed, Problem


class Auth(msgspec.Struct, frozen=True, tag="auth"):
    """The client's token: as its first message, and whenever it has a fresh one."""

    token: str
    last_event_id: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """For browsers, whose pages see nothing of the protocol's own pings."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The token was good, and until when it is."""

    user_id: UUID
    expires_at: datetime


class Error(msgspec.Struct, frozen=True, tag="error"):
    """Something the client said was refused; `code` is stable."""

    code: str
    detail: str


class NotUnderstood(Malformed):
    """The message is none that is known here."""

    code, title = "message_not_understood", "The message is not understood"


PONG = text_frame(b'{"type":"pong"}')

Said = Auth | Ping
_decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def understood(text: str | None) -> Said:
    """What the client says; raises `NotUnderstood`."""
    if text is None:
        raise NotUnderstood("Send text messages, not binary ones.")
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise NotUnderstood(
            f'{error}; known are {{"type":"auth","token":"…"}} and {{"type":"ping"}}.'
        ) from None


def frame_of(said: Ready | Error) -> bytes:
    """As it is sent."""
    return text_frame(msgspec.json.encode(said))


def error_of(problem: Problem) -> bytes:
    """A problem as it is sent."""
    return frame_of(Error(problem.code, problem.detail))
