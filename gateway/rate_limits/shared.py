"""Buckets that every process of the gateway shares, in Redis.

A process takes a few tokens of a bucket at a time, a lease, and spends them without asking; what is
left of a lease after `LEASE_SECONDS` goes back with the next question. So a request costs one round
trip at most, and most cost none. While Redis is away each process has buckets of its own.
"""

from collections import OrderedDict
from hashlib import sha1
from typing import Final

from gateway.rate_limits.buckets import Key
from gateway.rate_limits.memory import MAX_BUCKETS, MemoryBuckets
from gateway.rate_limits.policy import Policy
from gateway.rate_limits.redis_link import Command, RedisAway, RedisLink
from shared.clock import Clock

LEASE_SECONDS = 1.0

_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local quota, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, returned = tonumber(ARGV[3]), tonumber(ARGV[4])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now) - returned * interval
if full_at < now then full_at = now end
local tokens = quota - (full_at - now) / interval + 1e-6
local granted = math.min(wanted, math.floor(tokens))
full_at = full_at + granted * interval
if granted > 0 or returned > 0 then
  local milliseconds = math.ceil((full_at - now) * 1000)
  if milliseconds > 0 then
    redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', milliseconds)
  else
    redis.call('DEL', KEYS[1])
  end
end
return {granted, string.format('%.6f', tokens - granted)}
"""
"""The arithmetic of `buckets.level` by the clock of Redis; a key ends when its bucket is full."""

_SHA = sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()
ON_CONNECT: tuple[Command, ...] = (("SCRIPT", "LOAD", _TAKE),)
"""What a link for these buckets says first."""


class _Lease:
    """What this process holds of a bucket: `left` tokens until `ends_at`, or the knowledge that
    the bucket is empty until `empty_until`; `others` is what was left for everybody else."""

    __slots__ = ("empty_until", "ends_at", "is_asking", "left", "others")

    def __init__(self) -> None:
        self.left = 0
        self.ends_at = 0.0
        self.empty_until = 0.0
        self.others = 0.0
        self.is_asking = False

    def take(self, now: float, interval: float) -> float | None:
        """As `Buckets.take`; None when only Redis knows."""
        if self.left and now < self.ends_at:
            self.left -= 1
            return self.others + self.left
        if now < self.empty_until:
            return (now - self.empty_until) / interval
        return None

    def put(self, granted: int, others: float, now: float, interval: float) -> None:
        """Add what Redis has granted, and remember what it has not."""
        self.others = others
        if granted:
            self.left += granted
            self.ends_at = now + LEASE_SECONDS
        else:
            self.empty_until = now + (1 - others) * interval


class SharedBuckets:
    """The buckets of one policy, behind `link`."""

    def __init__(self, policy: Policy, link: RedisLink, clock: Clock) -> None:
        self._policy = policy
        self._interval = policy.interval
        self._link = link
        self._monotonic = clock.monotonic
        self._alone = MemoryBuckets(policy, clock)
        self._leases: OrderedDict[Key, _Lease] = OrderedDict()

    def take(self, key: Key) -> float | None:
        """See `Buckets`: from the lease, or from a bucket that is known to be empty."""
        if not self._link.is_up:
            return self._alone.take(key)
        lease = self._leases.get(key)
        return None if lease is None else lease.take(self._monotonic(), self._interval)

    async def ask(self, key: Key) -> float:
        """See `Buckets`: takes a new lease, and one token of it."""
        lease = self._lease(key)
        # while one request asks for a lease, others of the same moment take just what they need
        wanted = 1 if lease.is_asking else self._policy.lease
        is_leasing, lease.is_asking = not lease.is_asking, True
        returned, lease.left = lease.left, 0
        try:
            granted, others = await self._ask(key, wanted, returned)
        except RedisAway:
            return self._alone.take(key)
        finally:
            if is_leasing:
                lease.is_asking = False
        now = self._monotonic()
        lease.put(granted, others, now, self._interval)
        left = lease.take(now, self._interval)
        return -1.0 if left is None else left

    async def _ask(self, key: Key, wanted: int, returned: int) -> tuple[int, float]:
        policy = self._policy
        granted, others = await self._link.call(
            "EVALSHA", _SHA, 1, f"madang:limit:{policy.name}:{key}",
            policy.quota, policy.interval, wanted, returned,
        )  # fmt: skip
        return int(granted), float(others)

    def _lease(self, key: Key) -> _Lease:
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = _Lease()
            if len(self._leases) > MAX_BUCKETS:
                self._leases.popitem(last=False)
        else:
            self._leases.move_to_end(key)
        return lease
