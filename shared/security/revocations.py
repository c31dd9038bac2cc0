"""Sessions that ended before their access tokens did, known to every process that verifies.

The keys of access tokens are looked at on the same occasions: they change seldom.

Each process holds the set in memory, bounded by the life of an access token. Events keep it
current; the whole is fetched at start, whenever listening begins again, and once a minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from heapq import heappop, heappush
from uuid import UUID

import httpx
import msgspec

from shared.clock import Clock
from shared.errors import Unavailable
from shared.messaging.broker import Broadcast
from shared.messaging.event import Envelope
from shared.observability.logging import get_logger
from shared.runtime.service import Component, Ready
from shared.runtime.waiting import happens_within
from shared.security.principal import SessionId
from shared.security.service_tokens import ServiceAuth
from shared.security.tokens import ACCESS_TOKEN_LIFETIME, CLOCK_SKEW

log = get_logger(__name__)

SESSION_REVOKED = "auth.session.revoked"
KEYS_CHANGED = "auth.keys.changed"
REVOCATIONS_PATH = "/internal/revocations"
REMEMBERED_FOR = ACCESS_TOKEN_LIFETIME + CLOCK_SKEW
SECONDS_BETWEEN_REFRESHES = 60.0
SECONDS_AFTER_A_FAILURE = 1.0


class Revocation(msgspec.Struct, frozen=True):
    """A session and the moment it ended."""

    session_id: UUID
    revoked_at: datetime


class RevocationList(msgspec.Struct, frozen=True):
    """What auth answers at `/internal/revocations`."""

    revocations: tuple[Revocation, ...]


Fetch = Callable[[], Awaitable[Iterable[Revocation]]]
"""Every session revoked within the life of an access token; raises `Unavailable`."""


class Revocations:
    """The set of revoked sessions; an entry leaves it once no access token can be left."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: set[UUID] = set()
        self._by_expiry: list[tuple[datetime, UUID]] = []
        self._listeners: list[Callable[[SessionId], None]] = []

    def __contains__(self, session: SessionId) -> bool:
        return session in self._sessions

    def __len__(self) -> int:
        return len(self._sessions)

    def on_added(self, told: Callable[[SessionId], None]) -> None:
        """Call `told` with each session that is refused from then on, once."""
        self._listeners.append(told)

    def add(self, revocation: Revocation) -> None:
        """Refuse the session from now on."""
        self._forget_old()
        expires = revocation.revoked_at + REMEMBERED_FOR
        if revocation.session_id not in self._sessions and expires > self._clock.now():
            self._sessions.add(revocation.session_id)
            heappush(self._by_expiry, (expires, revocation.session_id))
            for told in self._listeners:
                told(SessionId(revocation.session_id))

    def _forget_old(self) -> None:
        now = self._clock.now()
        while self._by_expiry and self._by_expiry[0][0] <= now:
            self._sessions.discard(heappop(self._by_expiry)[1])


def fetch_from_auth(auth: httpx.AsyncClient, credentials: ServiceAuth) -> Fetch:
    """Fetches the revocations from auth over HTTP; `auth`'s base URL is the auth service."""

    async def fetch() -> Iterable[Revocation]:
        try:
            response = await auth.get(REVOCATIONS_PATH, auth=credentials)
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=RevocationList).revocations
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            raise Unavailable(f"The revoked sessions cannot be fetched: {error!r}") from error

    return fetch


def revocation_listener(
    service: str,
    revocations: Revocations,
    fetch: Fetch,
    refresh_keys: Callable[[], Awaitable[None]],
) -> tuple[Broadcast, Component]:
    """What keeps the `revocations` of the process `service` current, and its keys in step.

    A subscription, and a component that is ready once revocations and keys have been fetched.
    `refresh_keys` may raise `Unavailable`, too.
    """
    wanted = asyncio.Event()

    async def heard(envelope: Envelope) -> None:
        if envelope.type == KEYS_CHANGED:
            wanted.set()
            return
        revocations.add(msgspec.json.decode(envelope.data, type=Revocation))

    async def caught_up() -> None:
        wanted.set()

    async def refresh() -> bool:
        wanted.clear()
        try:
            for revocation in await fetch():
                revocations.add(revocation)
            await refresh_keys()
        except Unavailable as error:
            log.warning("revocations_not_fetched", error=error.detail)
            return False
        return True

    async def run(ready: Ready) -> None:
        while not await refresh():
            await happens_within(SECONDS_AFTER_A_FAILURE, wanted)
        ready()
        fresh = True
        while True:
            pause = SECONDS_BETWEEN_REFRESHES if fresh else SECONDS_AFTER_A_FAILURE
            await happens_within(pause, wanted)
            fresh = await refresh()

    return (
        Broadcast(
            f"{service}.session-revocations", (SESSION_REVOKED, KEYS_CHANGED), heard, caught_up
        ),
        Component("session-revocations", run),
    )
