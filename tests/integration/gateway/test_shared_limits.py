"""Limits that several processes share through a real Redis, and what they do while it is away."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from gateway.rate_limits.building import RateLimiting
from gateway.rate_limits.policy import Policy
from gateway.rate_limits.redis_link import RedisAway, RedisLink
from gateway.rate_limits.refusal import RateLimited
from gateway.rate_limits.shared import LEASE_SECONDS, SharedBuckets
from gateway.routes import RouteClass
from shared.clock import SystemClock
from tests.support.clock import MovableClock
from tests.support.messaging import running
from tests.support.rate_limits import (
    Run,
    a_policy,
    limiting,
    linked,
    someone,
    spent,
    until_down,
    until_up,
)
from tests.support.redis import Redis

CLOCK = SystemClock()
LONG = 1_000_000
"""Seconds of a window in which nothing comes back while a test runs."""
NOT_WAITED_FOR_SECONDS = 0.5
"""Far below any wait for Redis to return, and far above 100 ms, for a busy machine's sake."""


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


async def exhausted(made: RateLimiting, address: str) -> int:
    """Log in until refused; how often it was allowed."""
    allowed = 0
    while True:
        try:
            if made.limits.check(RouteClass.LOGIN, None, address) is None:
                await made.limits.ask(RouteClass.LOGIN, None, address)
        except RateLimited:
            return allowed
        allowed += 1


@asynccontextmanager
async def gateway_limits(url: str) -> AsyncIterator[tuple[RateLimiting, RedisLink]]:
    """The limits as the gateway builds and runs them."""
    made = limiting(CLOCK, redis_url=url, rate_limit_login_per_minute=10)
    assert made.redis is not None
    async with running(*map(Run, made.components)):
        yield made, made.redis


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_while_redis_is_away_no_request_fails_or_waits_and_then_limits_are_shared_again(
    own_redis: Redis, how: str
) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        assert await exhausted(made, "192.0.2.1") == 10
        getattr(own_redis, how)()
        try:
            before = monotonic()
            assert await made.limits.ask(RouteClass.LOGIN, None, "192.0.2.2")
            assert monotonic() - before < NOT_WAITED_FOR_SECONDS
            headers = made.limits.check(RouteClass.LOGIN, None, "192.0.2.2")
            assert headers is not None, "answered at once, from memory"
            with pytest.raises(RedisAway):
                await link.ping()
        finally:
            own_redis.start() if how == "kill" else own_redis.thaw()
        await until_up(link)
        assert made.limits.check(RouteClass.LOGIN, None, "192.0.2.3") is None, "Redis is asked"
        await link.ping()


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_requests_in_mid_question_when_redis_goes_are_all_answered(
    own_redis: Redis, how: str
) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        own_redis.freeze()
        asking = [
            asyncio.ensure_future(made.limits.ask(RouteClass.REST, someone(), ""))
            for _ in range(200)
        ]
        await asyncio.sleep(0.01)
        if how == "kill":
            own_redis.kill()
        try:
            before = monotonic()
            for headers in await asyncio.gather(*asking):
                assert dict(headers)[b"ratelimit"].startswith(b'"rest-user";r=599')
            assert monotonic() - before < NOT_WAITED_FOR_SECONDS
        finally:
            own_redis.start() if how == "kill" else own_redis.thaw()
        await until_up(link)


async def test_a_redis_that_was_emptied_is_taught_its_script_again(own_redis: Redis) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        await link.call("SCRIPT", "FLUSH")
        await made.limits.ask(RouteClass.LOGIN, None, "192.0.2.4")
        await until_down(link)  # and so that was counted in memory
        await until_up(link)
        assert await exhausted(made, "192.0.2.5") == 10
        await link.ping()


async def test_a_process_starts_without_redis_and_finds_it_later(own_redis: Redis) -> None:
    own_redis.kill()
    try:
        async with gateway_limits(own_redis.url) as (made, link):
            assert await exhausted(made, "192.0.2.6") == 10
            own_redis.start()
            await until_up(link)
            assert await exhausted(made, "192.0.2.6") == 10, "Redis knows nothing of those"
    finally:
        own_redis.kill()
        own_redis.start()


async def test_a_link_that_ends_fails_what_it_has_not_carried(own_redis: Redis) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        own_redis.freeze()
        asking = asyncio.ensure_future(made.limits.ask(RouteClass.LOGIN, None, "192.0.2.7"))
        await asyncio.sleep(0.01)
    try:
        assert await asking, "counted in memory"
        assert not link.is_up
    finally:
        own_redis.thaw()


class Listener:
    """A port that counts who connects, and says nothing."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"

    def accepted(self) -> int:
        """How many have connected since the last time."""
        number = 0
        while True:
            try:
                connection, _ = self._server.accept()
            except BlockingIOError:
                return number
            connection.close()
            number += 1

    def close(self) -> None:
        self._server.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    yield made
    made.close()


async def test_offline_mode_never_opens_a_connection(listener: Listener) -> None:
    made = limiting(CLOCK, redis_url=listener.url, offline_mode=True)
    assert made.redis is None
    async with running(*map(Run, made.components)):
        assert await exhausted(made, "192.0.2.8") == 10
        await asyncio.sleep(0.05)
    assert listener.accepted() == 0


async def test_something_that_is_no_redis_is_tried_and_waited_for_by_no_request(
    listener: Listener,
) -> None:
    made = limiting(CLOCK, redis_url=listener.url)
    assert made.redis is not None
    async with running(*map(Run, made.components)):
        await until_down(made.redis)
        headers = made.limits.check(RouteClass.LOGIN, None, "192.0.2.9")
    assert headers is not None
    assert listener.accepted() > 0
