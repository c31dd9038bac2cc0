"""One service is dead, hung, slow or talks nonsense: the others do not notice, its own callers are
told so at once, and it is back within seconds of its recovery."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from tests.support.gateway import CLOCK, gateway
from tests.support.proxied import RawClient, request, served
from tests.support.sick_upstream import SickUpstream

PATHS = {"auth": "/api/auth/me", "content": "/api/videos", "jobs": "/api/jobs"}
VICTIM = "content"
LIMITS = Limits(silence=1.0, connections=32, waiting=64, queue=1.0)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a service: its answer, and the seconds that took."""

    service: str
    status: int
    kind: str
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class World:
    """A gateway in front of three services, of which one falls ill."""

    port: int
    victim: SickUpstream

    async def calls(self, service: str, until: Callable[[], bool]) -> list[Call]:
        """What one client sees that calls a service again and again."""
        found = []
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        client = RawClient(reader, writer)
        while not until():
            began = time.perf_counter()
            writer.write(request(PATHS[service]))
            answer = await client.answer()
            seconds = time.perf_counter() - began
            (kind,) = answer.all("content-type")
            found.append(Call(service, answer.status, kind, began, seconds))
            await asyncio.sleep(0.01)
        writer.close()
        return found

    async def crowd(self, seconds: float) -> list[Call]:
        """Four clients of each service, for so long."""
        end = time.perf_counter() + seconds
        several = await asyncio.gather(
            *(self.calls(name, lambda: time.perf_counter() > end) for name in PATHS for _ in "four")
        )
        return [call for calls in several for call in calls]


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        services = {}
        for name in PATHS:
            services[name] = SickUpstream()
            stack.callback(services[name].kill)
            services[name].become("well")
        upstreams = {}
        for name, service in services.items():
            pool = Pool(name, Origin.of(service.url), LIMITS, CLOCK)
            stack.push_async_callback(pool.close)
            upstreams[name] = Proxy(pool)
        port, _ = await stack.enter_async_context(served(gateway(upstreams)))
        yield World(port, services[VICTIM])


@pytest.mark.parametrize("illness", ["killed", "hung", "slow", "garbage"])
async def test_a_sick_service_harms_nobody_but_its_callers_and_not_for_long(illness: str) -> None:
    async with world() as found:
        before = await found.crowd(0.5)
        assert {call.status for call in before} == {200}

        found.victim.become(illness)
        sick = time.perf_counter()
        during = await found.crowd(4)
        others = [call for call in during if call.service != VICTIM]
        assert {call.status for call in others} == {200}
        assert len(others) > 200

        failed = [call for call in during if call.service == VICTIM]
        assert {call.status for call in failed} <= {502, 503, 504}
        assert {call.kind for call in failed} == {"application/problem+json"}
        cut_off = [call for call in failed if call.began > sick + LIMITS.silence + 1]
        at_once = [call for call in cut_off if call.status == 503 and call.seconds < 0.5]
        assert len(at_once) > 0.8 * len(cut_off) > 20

        found.victim.become("well")
        recovered = time.perf_counter()
        while {call.status for call in await found.crowd(0.3)} != {200}:
            assert time.perf_counter() - recovered < 10
