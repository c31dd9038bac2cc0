"""One suite for both kinds of buckets: what the port promises (gateway/rate_limits/buckets.py).

Windows are long, so that no token comes back while a test runs, but where it waits for one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.rate_limits.buckets import Buckets
from gateway.rate_limits.memory import MemoryBuckets
from gateway.rate_limits.policy import Policy
from gateway.rate_limits.shared import SharedBuckets
from shared.clock import SystemClock
from tests.support.rate_limits import a_policy, linked, spent

HOUR = 3600
Make = Callable[[Policy], Buckets]


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes the buckets of a policy."""
    clock = SystemClock()
    if request.param == "memory":
        yield lambda policy: MemoryBuckets(policy, clock)
        return
    async with linked(request.getfixturevalue("redis_url")) as link:
        assert link.is_up
        yield lambda policy: SharedBuckets(policy, link, clock)


@pytest.mark.parametrize("quota", [1, 5, 49, 50, 100, 601])
async def test_a_full_bucket_gives_its_quota_a_token_at_a_time_and_then_nothing(
    make: Make, quota: int
) -> None:
    buckets = make(a_policy(quota, 100 * HOUR))
    left = [int(await spent(buckets, "a")) for _ in range(quota)]
    assert left == list(range(quota - 1, -1, -1))
    for _ in range(3):
        assert await spent(buckets, "a") < 0


async def test_a_refusal_tells_how_much_of_a_token_is_missing(make: Make) -> None:
    buckets = make(a_policy(1, HOUR))
    await spent(buckets, "a")
    for _ in range(3):
        assert await spent(buckets, "a") == pytest.approx(-1, abs=0.01)


async def test_a_token_comes_back_after_its_interval(make: Make) -> None:
    buckets = make(a_policy(2, 1))
    while await spent(buckets, "a") >= 0:
        pass
    await asyncio.sleep(0.6)
    assert await spent(buckets, "a") >= 0


async def test_a_bucket_that_is_left_alone_is_full_again_and_no_fuller(make: Make) -> None:
    buckets = make(a_policy(3, 1))
    while await spent(buckets, "a") >= 0:
        pass
    await asyncio.sleep(1.5)
    assert int(await spent(buckets, "a")) == 2


async def test_clients_and_policies_do_not_share_a_bucket(make: Make) -> None:
    buckets, others = make(a_policy(2, HOUR)), make(a_policy(2, HOUR))
    for _ in range(3):
        await spent(buckets, "a")
    assert int(await spent(buckets, "b")) == 1
    assert int(await spent(others, "a")) == 1


async def test_a_user_is_a_key_as_an_address_is(make: Make) -> None:
    buckets = make(a_policy(2, HOUR))
    assert [int(await spent(buckets, 2**127 + number)) for number in (1, 2, 1)] == [1, 1, 0]


@pytest.mark.parametrize("quota", [7, 200])
async def test_requests_of_the_same_moment_never_get_more_than_the_quota(
    make: Make, quota: int
) -> None:
    buckets = make(a_policy(quota, 100 * HOUR))
    left = await asyncio.gather(*(spent(buckets, "a") for _ in range(quota + 50)))
    assert sum(one >= 0 for one in left) == quota


async def test_asking_takes_a_token_as_taking_does(make: Make) -> None:
    buckets = make(a_policy(2, HOUR))
    assert [int(await buckets.ask("a")) for _ in range(2)] == [1, 0]
    assert await buckets.ask("a") < 0
