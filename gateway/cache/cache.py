"""The short cache: answers to anonymous reads, in this process's memory, until something changes.

Looking up is synchronous and takes no await. A miss is shared: whoever asks the same while it is
under way waits for its answer.
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cache.entry import Entry
from gateway.cache.key import Key, key_of, unconditional, varied
from gateway.cache.miss import Miss
from gateway.cache.store import Store
from gateway.cache.terms import Terms
from gateway.headers import Fields, HeaderList
from gateway.upstream.proxy import AnswerBroken, ClientLeft
from shared.clock import Clock
from shared.errors import BadGateway
from shared.runtime.waiting import happens_within

PATIENCE_SECONDS = 5.0
"""For how long a request waits for the answer to another one."""
_TRIES = 3
"""How often it does, when clients keep giving up the one that it waits for."""


class Cache:
    """Repeats answers for `seconds` at most, in `max_bytes` of memory; 0 seconds switch it off.

    `hits`, `misses` and `purges` count since the start; a miss is what the upstream was asked for.
    """

    def __init__(self, seconds: float, max_bytes: int, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._store = Store(max_bytes)
        self._under_way: dict[Key, Miss] = {}
        self.hits = self.misses = self.purges = 0

    @property
    def bytes(self) -> int:
        """The memory that the entries take."""
        return self._store.bytes

    def key_of(self, scope: Scope, fields: Fields) -> Key | None:
        """The key of a request, or None for one that passes by the cache."""
        return key_of(scope, fields) if self._seconds else None

    def find(self, key: Key, fields: Fields) -> Entry | None:
        """What answers the request, if it is known."""
        now = self._clock.monotonic()
        found = self._store.find(key, fields, now)
        if found is None:
            return None
        self.hits += 1
        return found.at(now)

    async def fetch(
        self,
        key: Key,
        fields: Fields,
        upstream: ASGIApp,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer what `find` did not, by `upstream` or together with a request like it.

        Raises what `upstream` raises.
        """
        for _ in range(_TRIES if scope["method"] == "GET" else 0):
            found = self.find(key, fields)
            if found is None:
                other = self._under_way.get(key)
                if other is None or not self._is_current(other):
                    await self._lead(key, fields, upstream, scope, receive, send)
                    return
                if not await happens_within(PATIENCE_SECONDS, other.is_decided):
                    break
                if other.entry is None and not other.is_given_up:
                    break
                found = self._shared(other, key, fields)
            if found is not None:
                await found.answer("GET", fields, send)
                return
        self.misses += 1
        await upstream(scope, receive, send)

    def purge(self) -> None:
        """Forget everything; what is under way is not stored when it comes, and not shared with
        anybody who asks from now on."""
        self.purges += 1
        self._store.clear()

    def _is_current(self, miss: Miss) -> bool:
        """Whether its answer will be good for somebody who asks now."""
        began_after = self._clock.monotonic() - self._seconds
        return miss.number == self.purges and miss.began > began_after

    def _shared(self, other: Miss, key: Key, fields: Fields) -> Entry | None:
        """The answer to another request, if it is one to this request too."""
        entry = other.entry
        if entry is None or entry.key != varied(key, entry.varies, fields):
            return None
        self.hits += 1
        return entry.at(self._clock.monotonic())

    async def _lead(
        self,
        key: Key,
        fields: Fields,
        upstream: ASGIApp,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Ask the upstream, and let others share the answer."""

        def keep(terms: Terms, headers: HeaderList, body: bytes) -> Entry:
            entry = Entry(varied(key, terms.varies, fields), terms, headers, body, miss.began)
            now = self._clock.monotonic()
            if miss.number == self.purges:
                self._store.put(key, entry, now)
            return entry.at(now)

        began = self._clock.monotonic()
        miss = Miss(self.purges, began, self._seconds, fields, send, keep)
        self._under_way[key] = miss
        self.misses += 1
        try:
            await upstream(unconditional(scope, fields), receive, miss.send)
        except (ClientLeft, asyncio.CancelledError):
            miss.is_given_up = True
            raise
        except AnswerBroken as broken:
            if miss.has_answered:
                raise
            raise BadGateway(str(broken)) from broken
        finally:
            if self._under_way.get(key) is miss:
                del self._under_way[key]
            miss.is_decided.set()
