"""Why a connection ends: what its client is told, over either protocol."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` closes a WebSocket (4000 and up are ours), `event` is the last one of a stream."""

    code: int
    event: str
    reason: str


EXPIRED = Ending(4401, "expired", "token_expired")
REVOKED = Ending(4401, "revoked", "session_revoked")
UNPROVEN = Ending(4401, "unproven", "unauthenticated")
TOO_MANY_CONNECTIONS = Ending(4429, "too_many", "too_many_connections")
TOO_MANY_MESSAGES = Ending(1008, "too_many", "too_many_messages")
TRY_LATER = Ending(1013, "unavailable", "unavailable")
RESTART = Ending(1012, "restart", "restart")


def too_slow(last_id: str) -> Ending:
    """The client takes what it is sent more slowly than it happens; where it is to go on."""
    return Ending(4408, "resume", f"resume from {last_id}" if last_id else "resume")


class LastWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of the event with which a stream ends."""

    reason: str
    last_event_id: str = ""
