"""What the health pages say, and whom they ask."""

from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway import clients
from gateway.health import Health
from gateway.local import read_only
from shared.errors import Unavailable
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


async def full(**services: httpx.AsyncClient) -> tuple[int, Any]:
    app = read_only(Health(services, CLOCK).full)
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
    assert set(parts) == {"api", "auth", "content", "database", "broker", "storage"}
    for name in ("auth", "content", "database", "broker", "storage"):
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


async def test_root_and_health_ask_nobody() -> None:
    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("asked")

    upstreams = everywhere(nobody)
    health = Health(clients.in_process(upstreams), CLOCK)
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
