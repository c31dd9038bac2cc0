"""What providers publish, kept for a while, so that a log-in seldom waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from auth_service.social.domain import ProviderUnavailable
from shared.clock import Clock
from shared.observability.logging import get_logger

log = get_logger(__name__)
T = TypeVar("T")

KEPT_SECONDS = 3600.0
SECONDS_AFTER_A_FAILURE = 5.0


class Remembered(Generic[T]):
    """One document; while the provider is away, the last one that is known serves on."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: T | None = None
        self._fetched_at = self._failed_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self, max_age: float = KEPT_SECONDS) -> T:
        """The document, at most `max_age` seconds old if it can be had.

        Raises `ProviderUnavailable` when none was ever had. However many ask at once, it is
        fetched once.
        """
        async with self._fetching:
            now = self._clock.monotonic()
            if self._value is not None and now - self._fetched_at < max_age:
                return self._value
            if now - self._failed_at < SECONDS_AFTER_A_FAILURE:
                return self._last()
            try:
                self._value = await self._fetch()
            except ProviderUnavailable:
                self._failed_at = self._clock.monotonic()
                log.warning("provider_document_not_fetched", kept=self._value is not None)
                return self._last()
            self._fetched_at = self._clock.monotonic()
            return self._value

    def _last(self) -> T:
        if self._value is None:
            raise ProviderUnavailable
        return self._value
