"""Where events and connections meet: one hub for each process of the gateway."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from gateway.realtime.endings import EXPIRED, RESTART, REVOKED
from gateway.realtime.events import message_of
from gateway.realtime.listener import Listener
from gateway.realtime.recent import Recent
from shared.clock import Clock
from shared.errors import TooMany, Unavailable
from shared.messaging.event import Envelope
from shared.runtime.readiness import Readiness
from shared.security.principal import SessionId
from shared.security.tokens import key_id

_SHARE_OF_NEWCOMERS = 10
_SOON, _LATER = {"retry-after": "1"}, {"retry-after": "5"}


class TooManyConnections(TooMany):
    """One user has as many connections as one may have."""

    code, title = "too_many_connections", "You have too many live connections"


class NoRoom(Unavailable):
    """This process has as many connections as it may have, or is about to end."""

    code, title = "no_room", "No more live connections are accepted right now"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections this process may have, and one user in it."""

    in_all: int
    per_user: int


class Hub:
    """Knows every connection by its user, and passes on to each what concerns it."""

    def __init__(self, limits: ConnectionLimits, clock: Clock) -> None:
        self.recent = Recent(clock)
        self._limits = limits
        self._clock = clock
        self._listeners: dict[UUID, set[Listener]] = {}
        self._places_taken = 0
        self._newcomers = 0
        self._revoked: set[SessionId] = set()

    @property
    def connections(self) -> int:
        """How many there are, those that have not shown a token yet included."""
        return self._places_taken

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room for a connection; raises `NoRoom`."""
        if Readiness.draining:
            raise NoRoom("This server is about to restart.", headers=_SOON)
        if self._places_taken >= self._limits.in_all:
            raise NoRoom("This server is full.", headers=_LATER)
        self._places_taken += 1
        try:
            yield
        finally:
            self._places_taken -= 1

    @contextmanager
    def newcomer(self) -> Iterator[None]:
        """Room for one that has not shown its token yet: a tenth of all places, so that nobody
        without an account can take them; raises `NoRoom`."""
        if self._newcomers >= max(self._limits.in_all // _SHARE_OF_NEWCOMERS, 1):
            raise NoRoom("Too many connections have not shown a token.", headers=_SOON)
        self._newcomers += 1
        try:
            yield
        finally:
            self._newcomers -= 1

    @contextmanager
    def joined(self, listener: Listener) -> Iterator[None]:
        """Let `listener` hear its user's events meanwhile; raises `TooManyConnections`."""
        mine = self._listeners.setdefault(listener.proof.user, set())
        if len(mine) >= self._limits.per_user:
            most = self._limits.per_user
            raise TooManyConnections(f"You may have {most} at the same time; close one first.")
        mine.add(listener)
        try:
            yield
        finally:
            mine.discard(listener)
            if not mine:
                del self._listeners[listener.proof.user]

    async def hear(self, envelope: Envelope) -> None:
        """Pass an event on to whom it concerns."""
        user, message = message_of(envelope, self._clock.monotonic())
        if self.recent.add(user, message):
            for listener in self._listeners.get(user, ()):
                listener.offer(message)

    def revoked(self, session: SessionId) -> None:
        """End the connections of a session; of all that are revoked together, in one go."""
        if not self._revoked:
            asyncio.get_running_loop().call_soon(self._end_revoked)
        self._revoked.add(session)

    def _end_revoked(self) -> None:
        for listener in list(self.all()):
            if listener.proof.session in self._revoked:
                listener.end(REVOKED)
        self._revoked.clear()

    def key_withdrawn(self, kid: str) -> None:
        """End the connections whose tokens the key `kid` has signed, whatever these say of their
        own end."""
        by_head: dict[str, bool] = {}  # the same for all tokens of one key
        for listener in list(self.all()):
            token = listener.proof.token
            head = token.partition(".")[0]
            if head not in by_head:
                by_head[head] = key_id(token) == kid
            if by_head[head]:
                listener.end(REVOKED)

    def tick(self) -> None:
        """A second has gone by: forget what is old, end what has expired."""
        self.recent.forget_old()
        now = self._clock.now().timestamp()
        for listener in list(self.all()):
            if listener.proof.expires <= now:
                listener.end(EXPIRED)
            else:
                listener.tick()

    def drain(self) -> None:
        """End every connection: the process is about to."""
        for listener in list(self.all()):
            listener.end(RESTART)

    def __contains__(self, listener: Listener) -> bool:
        return listener in self._listeners.get(listener.proof.user, ())

    def all(self) -> Iterator[Listener]:
        """Every connection that has shown its token."""
        for mine in self._listeners.values():
            yield from mine
