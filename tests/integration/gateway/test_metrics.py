"""The metrics of a gateway that answers requests, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gateway.service import build
from shared.messaging.in_process import InProcessBroker
from tests.integration.gateway.support import serving
from tests.integration.gateway.test_service import BEARER, running, services, settings
from tests.unit.gateway.metrics.support import Value, parsed

TOKEN = "t" * 16


@asynccontextmanager
async def gate(**given: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway whose services are at an address."""
    async with serving(services()) as behind:
        url = f"http://127.0.0.1:{behind}"
        broker = InProcessBroker()
        service = build(settings(auth_url=url, content_url=url, jobs_url=url, **given), broker)
        async with (
            running(service, broker),
            serving(service.app) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            yield client


async def scraped(client: httpx.AsyncClient) -> dict[str, Value]:
    answer = await client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    return parsed(answer.text)


async def test_what_has_been_answered_is_counted_by_who_answered() -> None:
    async with gate(metrics_token=TOKEN) as client:
        for _ in range(3):
            assert (await client.get("/api/videos", headers=BEARER)).status_code == 200
        assert (await client.get("/api/videos")).status_code == 401
        assert (await client.get("/nothing")).status_code == 404
        samples = await scraped(client)
    requests = samples["madang_gateway_requests_total"]
    assert requests[("GET", "content", "200")] == 3
    assert requests[("GET", "content", "401")] == 1
    assert requests[("GET", "gateway", "404")] == 1
    assert samples["madang_gateway_request_duration_seconds_count"][("content",)] == 4
    assert samples["madang_gateway_requests_in_flight"] == {(): 1}, "the scrape itself"
    assert samples["madang_gateway_upstream_connections"][("content", "idle")] == 1
    assert samples["madang_gateway_upstream_breaker"][("content", "closed")] == 1


async def test_the_metrics_are_refused_without_their_token() -> None:
    async with gate(metrics_token=TOKEN) as client:
        answer = await client.get("/metrics", headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (401, "metrics_token_wrong")


async def test_this_machine_reads_without_a_token_and_who_comes_through_a_proxy_does_not() -> None:
    async with gate() as client:
        direct = await client.get("/metrics")
        forwarded = await client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})
    assert direct.status_code == 200
    assert (forwarded.status_code, forwarded.json()["code"]) == (403, "metrics_forbidden")
