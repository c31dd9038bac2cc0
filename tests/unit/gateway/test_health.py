"""What the health pages say, and whom they ask."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway import clients
from gateway.health import Health
from gateway.local import read_only
from shared.errors import Unavailable
from shared.runtime.service import Check
from tests.support.clock import MovableClock
from tests.support.gateway import CLOCK, everywhere, gateway
from tests.unit.gateway.client import client_of

WELL = {"status": "healthy", "latency_ms": 1.0}
ILL = {"status": "unhealthy", "latency_ms": 2.0, "reason": "OSError"}


def service(**checks: dict[str, Any]) -> httpx.AsyncClient:
    """A service that reports these checks."""
    status = "healthy" if all(one is WELL for one in checks.values()) else "unhealthy"
    body = {"status": status, "checks": checks}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/health/ready"
        return httpx.Response(200 if status == "healthy" else 503, json=body)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service")


def failing(error: Exception) -> httpx.AsyncClient:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service")


async def full(
    checks: Mapping[str, Check] | None = None, **services: httpx.AsyncClient
) -> tuple[int, Any]:
    app = read_only(Health(services, checks or {}, CLOCK).full)
    async with client_of(app) as client:
        answer = await client.get("/health/full")
    return answer.status_code, answer.json()


async def test_all_is_well() -> None:
    status, report = await full(
        auth=service(database=WELL, broker=WELL), content=service(database=WELL, storage=WELL)
    )
    assert (status, report["status"]) == (200, "healthy")
    parts = report["services"]
    assert parts["api"] == "healthy"
    expected = {"auth", "content", "database", "broker", "storage", "cache"}
    assert set(parts) == {"api", *expected}
    for name in expected:
        assert parts[name]["status"] == "healthy"
        assert parts[name]["latency_ms"] >= 0


@pytest.mark.parametrize("needed", ["database", "storage"])
async def test_without_something_that_is_needed_the_whole_is_unhealthy(needed: str) -> None:
    status, report = await full(auth=service(broker=WELL), content=service(**{needed: ILL}))
    assert (status, report["status"]) == (503, "unhealthy")
    assert report["services"][needed]["reason"] == "OSError (content)"
    assert report["services"]["content"]["reason"] == f"without {needed}"


@pytest.mark.parametrize("optional", ["broker", "cache"])
async def test_without_something_optional_the_whole_is_degraded(optional: str) -> None:
    status, report = await full(auth=service(database=WELL, **{optional: ILL}))
    assert (status, report["status"]) == (200, "degraded")
    assert report["services"][optional]["status"] == "unhealthy"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectError("refused"), "ConnectError"),
        (Unavailable("away"), "Unavailable"),
        (TimeoutError(), "no answer in time"),
    ],
)
async def test_a_service_that_does_not_answer_is_down(error: Exception, reason: str) -> None:
    status, report = await full(auth=service(), jobs=failing(error))
    assert (status, report["status"]) == (503, "unhealthy")
    assert report["services"]["jobs"]["reason"] == reason


async def test_an_answer_that_says_nothing_counts_as_none() -> None:
    odd = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, text="hi")),
        base_url="http://service",
    )
    status, report = await full(auth=odd)
    assert (status, report["services"]["auth"]["status"]) == (503, "unhealthy")


async def away() -> None:
    raise ConnectionError


async def there() -> None:
    """Nothing is wrong."""


@pytest.mark.parametrize("optional", ["broker", "cache"])
async def test_what_the_gateway_itself_uses_counts_too(optional: str) -> None:
    status, report = await full({optional: away}, auth=service(broker=WELL))
    assert (status, report["status"]) == (200, "degraded")
    assert report["services"]["auth"]["status"] == "healthy"
    assert report["services"][optional]["reason"] == "ConnectionError (gateway)"


async def test_a_cache_that_is_not_shared_is_in_memory() -> None:
    _, alone = await full(auth=service())
    assert alone["services"]["cache"] == {
        "status": "healthy", "latency_ms": 0.0, "reason": "in memory"
    }  # fmt: skip
    _, shared = await full({"cache": there}, auth=service())
    assert "reason" not in shared["services"]["cache"]


class Counted:
    """A service that says how often it was asked, and answers when it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    @property
    def client(self) -> httpx.AsyncClient:
        async def answer(_: httpx.Request) -> httpx.Response:
            self.asked += 1
            await self.may_answer.wait()
            return httpx.Response(200, json={"status": "healthy", "checks": {}})

        return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service")


async def test_who_asks_at_the_same_time_shares_the_answer() -> None:
    auth = Counted()
    auth.may_answer.clear()
    health = Health({"auth": auth.client}, {}, CLOCK)
    async with asyncio.TaskGroup() as group:
        reports = [group.create_task(health.report()) for _ in range(50)]
        await asyncio.sleep(0)
        auth.may_answer.set()
    assert {one.result().status for one in reports} == {"healthy"}
    assert auth.asked == 1


async def test_a_report_answers_for_half_a_second() -> None:
    auth, clock = Counted(), MovableClock()
    health = Health({"auth": auth.client}, {}, clock)
    await health.report()
    clock.advance(0.5)
    await health.report()
    assert auth.asked == 1
    clock.advance(0.01)
    await health.report()
    assert auth.asked == 2


async def test_who_gives_up_leaves_the_asking_to_the_next() -> None:
    auth = Counted()
    auth.may_answer.clear()
    health = Health({"auth": auth.client}, {}, CLOCK)
    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(health.report()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        auth.may_answer.set()
    assert second.result().status == "healthy"


async def test_what_hangs_delays_the_report_no_more_than_what_is_slow() -> None:
    hanging = Counted()
    hanging.may_answer.clear()

    async def hangs() -> None:
        await asyncio.Event().wait()

    began = CLOCK.monotonic()
    status, report = await full({"broker": hangs}, auth=hanging.client, jobs=hanging.client)
    assert (status, report["status"]) == (503, "unhealthy")
    assert report["services"]["auth"]["reason"] == "no answer in time"
    assert report["services"]["broker"]["reason"] == "no answer within 1 s (gateway)"
    assert CLOCK.monotonic() - began < 2.25  # one after the other it would be 3.5


async def test_root_and_health_ask_nobody() -> None:
    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("asked")

    upstreams = everywhere(nobody)
    health = Health(clients.in_process(upstreams), {}, CLOCK)
    own = {
        "/": read_only(health.root),
        "/health": read_only(health.alive),
        "/health/ready": read_only(health.ready),
    }
    async with client_of(gateway(upstreams, own=own)) as client:
        root, alive = await client.get("/"), await client.get("/health/")
        ready = await client.get("/health/ready")
        wrong = await client.post("/health")
    assert root.json() == {"message": "Madang is running", "status": "running"}
    assert alive.json() == {"status": "healthy", "service": "gateway"}
    assert ready.json() == {"status": "healthy", "checks": {}}
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
