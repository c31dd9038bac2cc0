"""Rate limits as tests build them: over a clock that they move, or over a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from gateway.rate_limits.buckets import Buckets, Key
from gateway.rate_limits.building import RateLimiting, rate_limits
from gateway.rate_limits.policy import Policy
from gateway.rate_limits.redis_link import RedisLink
from gateway.rate_limits.settings import RateLimitSettings
from gateway.rate_limits.shared import ON_CONNECT
from shared.clock import Clock, SystemClock
from shared.runtime.service import Component, Ready
from shared.security.principal import Principal, SessionId, UserId
from shared.settings import load
from tests.support.messaging import running


def limiting(clock: Clock, **settings: object) -> RateLimiting:
    """The limits by these settings; those that are not given are the defaults.

    `REDIS_URL` in the environment is for tests that ask for a Redis.
    """
    given = {"redis_url": None, **settings}
    return rate_limits(load(RateLimitSettings, **given), clock)


def someone(*, guest: bool = False) -> Principal:
    """A user whom no other test knows."""
    return Principal(UserId(uuid4()), SessionId(uuid4()), guest=guest)


def a_policy(quota: int, window: int) -> Policy:
    """A policy whose buckets no other test knows, also in a Redis that is shared."""
    return Policy(f"test-{uuid4()}", quota, window)


class Run:
    """A component as `running` takes it."""

    def __init__(self, component: Component) -> None:
        self._component = component

    async def run(self, ready: Ready) -> None:
        """Run until cancelled."""
        await self._component.run(ready)


@asynccontextmanager
async def linked(url: str, clock: Clock | None = None) -> AsyncIterator[RedisLink]:
    """A link to the Redis at `url`, after its first attempt to connect."""
    link = RedisLink(url, clock or SystemClock(), on_connect=ON_CONNECT)
    async with running(Run(link.component)):
        yield link


async def until_up(link: RedisLink) -> None:
    """Wait until `link` is connected."""
    await _until(link, is_up=True)


async def until_down(link: RedisLink) -> None:
    """Wait until `link` has noticed that Redis is away."""
    await _until(link, is_up=False)


async def _until(link: RedisLink, *, is_up: bool) -> None:
    async with asyncio.timeout(20):
        while link.is_up is not is_up:
            await asyncio.sleep(0.005)


async def spent(buckets: Buckets, key: Key) -> float:
    """Take a token, in whatever way it takes; what is left."""
    left = buckets.take(key)
    return await buckets.ask(key) if left is None else left
