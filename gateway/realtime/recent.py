"""What each user was told lately, for those who come back; in memory, and bounded."""

from collections import deque
from uuid import UUID

from gateway.realtime.messages import Message
from shared.clock import Clock

MAX_SECONDS = 600.0
MAX_PER_USER = 200
MAX_IN_ALL = 100_000
"""With about 600 bytes each."""

OVERLAP_SECONDS = 5.0
"""Replicas may hear events in different orders. What a client heard last from one of them, another
may have heard before something that the first had not passed on yet; so a replay begins earlier,
by more than events take to arrive, and the client drops the ids that it knows."""


class Recent:
    """The last events of each user by their ids, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_user: dict[UUID, dict[str, Message]] = {}
        self._all: deque[tuple[UUID, Message]] = deque()
        self._complete_since = clock.monotonic()

    def add(self, user: UUID, message: Message) -> bool:
        """Remember an event; False when it is remembered already, since it came twice."""
        mine = self._by_user.setdefault(user, {})
        if message.id in mine:
            return False
        mine[message.id] = message
        self._all.append((user, message))
        if len(mine) > MAX_PER_USER:
            del mine[next(iter(mine))]
        if len(self._all) > MAX_IN_ALL:
            self._forget_oldest()
        return True

    def after(self, user: UUID, event_id: str) -> list[Message] | None:
        """What was heard after the event, and a little before it; None when something of that may
        be missing here."""
        mine = self._by_user.get(user, {})
        known = mine.get(event_id)
        if known is None:
            return None
        since = known.heard_at - OVERLAP_SECONDS
        oldest = next(iter(mine.values()))
        if since < self._complete_since or (len(mine) == MAX_PER_USER and oldest.heard_at >= since):
            return None
        return [one for one in mine.values() if one.heard_at >= since and one is not known]

    def last_id(self, user: UUID) -> str:
        """The id of the latest event, or nothing."""
        mine = self._by_user.get(user)
        return next(reversed(mine)) if mine else ""

    def forget_old(self) -> None:
        """Let go of what is older than ten minutes."""
        oldest = self._clock.monotonic() - MAX_SECONDS
        while self._all and self._all[0][1].heard_at < oldest:
            self._forget_oldest()

    def clear(self) -> None:
        """Forget everything: something may be missing in it."""
        self._by_user.clear()
        self._all.clear()
        self._complete_since = self._clock.monotonic()

    def _forget_oldest(self) -> None:
        user, message = self._all.popleft()
        self._complete_since = max(self._complete_since, message.heard_at)
        mine = self._by_user.get(user)
        if mine is not None and mine.pop(message.id, None) is not None and not mine:
            del self._by_user[user]
