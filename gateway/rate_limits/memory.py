"""Buckets in the memory of this process."""

from collections import OrderedDict

from gateway.rate_limits.buckets import Key, level
from gateway.rate_limits.policy import Policy
from shared.clock import Clock

MAX_BUCKETS = 20_000


class MemoryBuckets:
    """The buckets of one policy that are not full, `MAX_BUCKETS` at most.

    Beyond that, the one that was asked for the longest ago is forgotten, and so is full again.
    """

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._quota = policy.quota
        self._interval = policy.interval
        self._monotonic = clock.monotonic
        self._full_at: OrderedDict[Key, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Key) -> float:
        """See `Buckets`; always answers."""
        now = self._monotonic()
        full_at = self._full_at.get(key, now)
        left = level(full_at, now, self._quota, self._interval) - 1
        if left >= 0:
            self._full_at[key] = max(full_at, now) + self._interval
            self._full_at.move_to_end(key)
            self._forget(now)
        return left

    async def ask(self, key: Key) -> float:
        """See `Buckets`."""
        return self.take(key)

    def _forget(self, now: float) -> None:
        oldest = next(iter(self._full_at))
        if self._full_at[oldest] <= now or len(self._full_at) > MAX_BUCKETS:
            del self._full_at[oldest]
