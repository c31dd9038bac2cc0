"""One connection of a user, whichever protocol it speaks."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from gateway.identity import Verifier
from gateway.realtime.endings import Ending, too_slow
from gateway.realtime.messages import Message
from gateway.realtime.snapshots import Snapshot
from shared.security.access import ScopeMissing, SessionRequired
from shared.security.api_keys import PREFIX
from shared.security.principal import SessionId, UserId
from shared.security.tokens import expiry_of

SCOPES = frozenset({"jobs:read", "videos:read"})
"""What an API key needs: those of the lists that a snapshot is made of."""
MAX_HELD = 256
"""Events that may wait while a snapshot is asked for."""


class Proof(NamedTuple):
    """Whose connection it is, by which token, and until when, in Unix seconds."""

    user: UserId
    session: SessionId
    token: str
    expires: int


async def proven(verifier: Verifier, token: str) -> Proof:
    """What a token proves; raises `Unauthenticated`, `Unavailable`, and `Forbidden` for an API key
    that may not see what is told here."""
    if token.startswith(PREFIX):  # those of requests have been exchanged on their way here
        raise SessionRequired("API keys open no WebSocket; GET /api/events takes them.")
    principal = verifier.cached(token) or await verifier.user(token)
    if principal.api_key and not SCOPES.issubset(principal.scopes):
        raise ScopeMissing(f"This needs the scopes {' and '.join(sorted(SCOPES))}.")
    return Proof(principal.id, principal.session_id, token, expiry_of(token))


class Listener(ABC):
    """Hears what concerns its user; holds it back while it has not been told where it starts.

    `last_id` is the latest event it was sent; `must_ask_again` says that
    the snapshot under way may be older than what has been lost.
    """

    __slots__ = ("_held", "last_id", "must_ask_again", "proof")

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.last_id = ""
        self._held: list[Message] | None = []
        self.must_ask_again = False

    @property
    def is_holding(self) -> bool:
        """Whether events are held back."""
        return self._held is not None

    def offer(self, message: Message) -> None:
        """An event has happened; this never waits, and a client too slow for it is ended."""
        if self._held is None:
            self.deliver(message)
        elif len(self._held) < MAX_HELD:
            self._held.append(message)
        else:
            self.end(too_slow(self.last_id))

    def hold(self) -> None:
        """Hold events back from here on."""
        if self._held is None:
            self._held = []

    def go_on(self, snapshot: Snapshot | None, replayed: list[Message]) -> None:
        """Deliver the state, if any, or what happened meanwhile, and from here on all at once."""
        held, self._held = self._held or [], None
        if snapshot is not None:
            self.tell(snapshot)
            replayed = [one for one in held if not snapshot.tells(one)]
        for message in replayed:
            self.deliver(message)

    @abstractmethod
    def deliver(self, message: Message) -> None:
        """Send an event, or end when too many wait already."""

    @abstractmethod
    def tell(self, snapshot: Snapshot) -> None:
        """Send a state."""

    @abstractmethod
    def end(self, ending: Ending) -> None:
        """Say why, and close."""

    @abstractmethod
    def tick(self) -> None:
        """A second has gone by."""
