"""API keys: exchanged for access tokens of minutes, which is what everything behind us verifies.

A key costs auth one question in as long as such a token lives, however often it is used, and a
look-up here. What the key may do, and whether it has been revoked meanwhile, is asked of the token
alone, as with all others.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import httpx
import msgspec

from shared.clock import Clock
from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.security.api_keys import (
    EXCHANGE_PATH,
    ApiKeyInvalid,
    KeyExchange,
    KeyShown,
    Refusal,
    is_well_formed,
)
from shared.security.principal import Principal
from shared.security.service_tokens import ServiceAuth
from shared.security.verifier import SessionRevoked, TokenVerifier

log = get_logger(__name__)

MAX_ACCEPTED = 10_000
MAX_REFUSED = 10_000
RENEWED_BEFORE_EXPIRY = timedelta(seconds=30)
"""So that a token does not end on its way through the services."""
SECONDS_REFUSED = 5.0
"""How long a refusal is repeated without asking: a key that is refused stays so but for the ends of
suspensions."""
SECONDS_AFTER_A_FAILURE = 1.0


class KeyHolder(Principal, frozen=True):
    """Who calls with an API key, and the access token that says so to the services."""

    token: str = ""


Exchange = Callable[[str], Awaitable[KeyExchange]]
"""Asks auth what a key is worth; raises `Unavailable`."""


class _Accepted(NamedTuple):
    holder: KeyHolder
    renewed_at: float


class _Refused(NamedTuple):
    reason: Refusal
    until: float


T = TypeVar("T")


class _Remembered(OrderedDict[bytes, T], Generic[T]):
    """What was found out about the latest keys, by their hash."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def remember(self, digest: bytes, found: T) -> None:
        self[digest] = found
        self.move_to_end(digest)
        if len(self) > self._most:
            self.popitem(last=False)


class ApiKeys:
    """Knows who holds an API key. Keys themselves are not kept, their hashes are."""

    def __init__(self, exchange: Exchange, verifier: TokenVerifier, clock: Clock) -> None:
        self._exchange = exchange
        self._verifier = verifier
        self._clock = clock
        # apart, so that a flood of invented keys forgets no good one
        self._accepted: _Remembered[_Accepted] = _Remembered(MAX_ACCEPTED)
        self._refused: _Remembered[_Refused] = _Remembered(MAX_REFUSED)
        self._asking: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._not_before = float("-inf")

    def known(self, key: str) -> KeyHolder | None:
        """The holder of a key exchanged before and still good, else None: ask `holder` then."""
        return self._find(_digest(key))

    async def holder(self, key: str) -> KeyHolder:
        """The holder of a key; raises `ApiKeyInvalid`, or `Unavailable` while auth is away.

        However many come with the same key at once, auth is asked once.
        """
        if not is_well_formed(key):
            raise ApiKeyInvalid(Refusal.MALFORMED)
        digest = _digest(key)
        lock = self._asking.get(digest)
        if lock is None:
            lock = self._asking[digest] = asyncio.Lock()
        async with lock:
            if (holder := self._find(digest)) is not None:
                return holder
            refused = self._refused.get(digest)
            if refused is not None and self._clock.monotonic() < refused.until:
                raise ApiKeyInvalid(refused.reason)
            return await self._ask(key, digest)

    def _find(self, digest: bytes) -> KeyHolder | None:
        accepted = self._accepted.get(digest)
        if accepted is None:
            return None
        if (
            self._clock.timestamp() >= accepted.renewed_at
            # None, too, when the key has been revoked or its token's signing key withdrawn
            or self._verifier.cached(accepted.holder.token) is None
        ):
            del self._accepted[digest]
            return None
        self._accepted.move_to_end(digest)
        return accepted.holder

    async def _ask(self, key: str, digest: bytes) -> KeyHolder:
        if self._clock.monotonic() < self._not_before:
            raise Unavailable("API keys cannot be looked up right now.")
        try:
            answer = await self._exchange(key)
        except Unavailable:
            self._not_before = self._clock.monotonic() + SECONDS_AFTER_A_FAILURE
            raise
        if answer.refusal is not None or answer.expires_at is None:
            raise self._refuse(digest, answer.refusal or Refusal.UNKNOWN)
        try:  # the news that it is revoked may have been quicker than this answer
            principal = await self._verifier.user(answer.access_token)
        except SessionRevoked:
            raise self._refuse(digest, Refusal.REVOKED) from None
        holder = KeyHolder(**msgspec.structs.asdict(principal), token=answer.access_token)
        renewed_at = (answer.expires_at - RENEWED_BEFORE_EXPIRY).timestamp()
        self._accepted.remember(digest, _Accepted(holder, renewed_at))
        return holder

    def _refuse(self, digest: bytes, reason: Refusal) -> ApiKeyInvalid:
        until = self._clock.monotonic() + SECONDS_REFUSED
        self._refused.remember(digest, _Refused(reason, until))
        return ApiKeyInvalid(reason)


def exchange_with(auth: httpx.AsyncClient, credentials: ServiceAuth) -> Exchange:
    """Asks auth over HTTP; `auth`'s base URL is the auth service."""

    async def exchange(key: str) -> KeyExchange:
        body = msgspec.json.encode(KeyShown(key))
        headers = {"content-type": "application/json"}
        try:
            response = await auth.post(
                EXCHANGE_PATH, content=body, headers=headers, auth=credentials
            )
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=KeyExchange)
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            log.warning("api_key_not_exchanged", error=repr(error))
            raise Unavailable("API keys cannot be looked up right now.") from error

    return exchange


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
