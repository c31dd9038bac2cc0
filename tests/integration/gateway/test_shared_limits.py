"""Limits that several processes share through a real Redis: how exact they are, what they ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.rate_limits.policy import Policy
from gateway.rate_limits.redis_link import RedisLink
from gateway.rate_limits.shared import LEASE_SECONDS, SharedBuckets
from shared.clock import SystemClock
from tests.support.clock import MovableClock
from tests.support.rate_limits import a_policy, linked, spent

CLOCK = SystemClock()
LONG = 1_000_000
"""Seconds of a window in which nothing comes back while a test runs."""


class Counted:
    """A link that counts the questions it carries."""

    def __init__(self, link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        call = link.call

        def counting(*command: str | bytes | int | float) -> object:
            self.number += 1
            return call(*command)

        monkeypatch.setattr(link, "call", counting)


@asynccontextmanager
async def replicas(
    url: str, policy: Policy, count: int = 2
) -> AsyncIterator[tuple[SharedBuckets, ...]]:
    """The buckets of `policy` in several processes, as far as Redis can tell."""
    if count == 0:
        yield ()
        return
    async with linked(url) as link, replicas(url, policy, count - 1) as others:
        yield SharedBuckets(policy, link, CLOCK), *others


async def admitted(buckets: SharedBuckets, attempts: int) -> int:
    return sum([await spent(buckets, "a") >= 0 for _ in range(attempts)])


@pytest.mark.parametrize("count", [2, 4])
async def test_replicas_together_admit_exactly_the_quota_when_nothing_comes_back(
    redis_url: str, count: int
) -> None:
    policy = a_policy(500, LONG)
    async with replicas(redis_url, policy, count) as given:
        found = await asyncio.gather(*(admitted(one, 500) for one in given))
    assert sum(found) == 500


async def test_what_a_replica_holds_is_out_of_reach_for_the_others_until_it_is_given_back(
    redis_url: str,
) -> None:
    policy = a_policy(100, LONG)
    clock = MovableClock()
    async with linked(redis_url) as link, linked(redis_url) as other_link:
        holder = SharedBuckets(policy, link, clock)
        other = SharedBuckets(policy, other_link, CLOCK)
        await holder.ask("a")  # takes 2, spends 1
        assert await admitted(other, 100) == 98
        clock.advance(LEASE_SECONDS)
        assert await holder.ask("a") >= 0, "gives 1 back, and takes it again"
        assert await admitted(holder, 5) == 0


async def test_a_client_spread_over_replicas_loses_no_tokens_to_their_leases(
    redis_url: str,
) -> None:
    policy = a_policy(100, LONG)
    clock = MovableClock()
    async with linked(redis_url) as link, linked(redis_url) as other_link:
        given = [SharedBuckets(policy, one, clock) for one in (link, other_link)]
        for _ in range(20):
            for one in given:
                assert await spent(one, "a") >= 0
            clock.advance(LEASE_SECONDS)
        others = [buckets._leases["a"].others for buckets in given]
    assert min(others) == pytest.approx(100 - 40 - 2, abs=0.01)


async def test_replicas_exceed_one_bucket_by_no_more_than_what_they_hold(redis_url: str) -> None:
    policy = a_policy(100, 20)
    clock = MovableClock()  # so that no lease ends
    async with linked(redis_url) as link, linked(redis_url) as other_link:
        given = [SharedBuckets(policy, one, clock) for one in (link, other_link)]
        for one in given:
            await one.ask("a")  # takes 2, spends 1
        await asyncio.sleep(1)  # more than the time in which those 4 come back
        before = CLOCK.monotonic()
        found = sum([await admitted(one, 150) for one in given])
        came_back = (CLOCK.monotonic() - before) / policy.interval
    assert 100 + 2 <= found <= 100 + 2 * (policy.lease - 1) + came_back + 1


async def test_within_a_lease_nobody_asks_redis(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = a_policy(600, LONG)
    async with linked(redis_url) as link:
        asked = Counted(link, monkeypatch)
        buckets = SharedBuckets(policy, link, MovableClock())
        assert await admitted(buckets, 120) == 120
    assert asked.number == 120 // policy.lease


async def test_a_small_bucket_is_asked_for_each_time(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with linked(redis_url) as link:
        asked = Counted(link, monkeypatch)
        assert await admitted(SharedBuckets(a_policy(10, LONG), link, CLOCK), 10) == 10
    assert asked.number == 10


async def test_a_bucket_that_is_empty_is_not_asked_for_again_before_a_token_is_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovableClock()
    async with linked(redis_url) as link:
        asked = Counted(link, monkeypatch)
        buckets = SharedBuckets(a_policy(2, 7200), link, clock)
        assert await admitted(buckets, 1000) == 2
        assert asked.number == 3
        clock.advance(3601)
        assert await spent(buckets, "a") < 0, "Redis has a clock of its own"
    assert asked.number == 4


async def test_a_key_ends_when_its_bucket_is_full(redis_url: str) -> None:
    policy = a_policy(10, 1)
    async with linked(redis_url) as link:
        await SharedBuckets(policy, link, CLOCK).ask("a")
        key = f"madang:limit:{policy.name}:a"
        assert 0 < int(await link.call("PTTL", key)) <= 100
        await asyncio.sleep(0.15)
        assert await link.call("EXISTS", key) == 0


async def test_a_caller_that_leaves_harms_no_other(redis_url: str) -> None:
    async with linked(redis_url) as link:
        buckets = SharedBuckets(a_policy(10, LONG), link, CLOCK)
        leaving = asyncio.ensure_future(buckets.ask("a"))
        staying = asyncio.ensure_future(buckets.ask("b"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert int(await staying) == 9
        assert link.is_up
