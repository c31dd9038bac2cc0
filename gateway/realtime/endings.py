"""Why a connection ends: what its client is told, over either protocol."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Ending:
    """`code` closes a WebSocket (4000 and up are ours), `event` is the last one of a stream; empty
    for what cannot happen to a stream."""

    code: int
    reason: str
    event: str = ""


EXPIRED = Ending(4401, "token_expired", "expired")
REVOKED = Ending(4401, "session_revoked", "revoked")
RESTART = Ending(1012, "restart", "restart")

UNPROVEN = Ending(4401, "unauthenticated")
TOO_MANY_CONNECTIONS = Ending(4429, "too_many_connections")
TOO_MANY_MESSAGES = Ending(1008, "too_many_messages")
TRY_LATER = Ending(1013, "unavailable")


def too_slow(last_id: str) -> Ending:
    """The client takes what it is sent more slowly than it happens; where it is to go on."""
    return Ending(4408, f"resume from {last_id}" if last_id else "resume", "resume")


class LastWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of the event with which a stream ends."""

    reason: str
    last_event_id: str = ""
