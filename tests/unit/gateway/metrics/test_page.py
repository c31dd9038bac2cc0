"""Who may read the metrics, and in which form."""

from collections.abc import Mapping

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.local import read_only
from gateway.metrics.page import MetricsPage, Readers
from gateway.metrics.requests import RequestMetrics
from shared.errors import Problem
from shared.http.problems import response_of
from tests.unit.gateway.client import client_of
from tests.unit.gateway.metrics.support import parsed

TOKEN = SecretStr("t" * 16)
WITH_TOKEN = {"authorization": f"Bearer {TOKEN.get_secret_value()}"}


def answering(readers: Readers, client: tuple[str, int] | None) -> ASGIApp:
    """The page as the gateway serves it, to a `client` at that address."""
    metrics = RequestMetrics()
    metrics.observe("content", "GET", 200, 0.01, 10)
    page = read_only(MetricsPage([metrics.families], readers).page)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await page({**scope, "client": client}, receive, send)
        except Problem as problem:
            await response_of(problem)(scope, receive, send)

    return app


async def read(
    address: str | None = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
    *,
    token: SecretStr | None = None,
    private: bool = True,
) -> httpx.Response:
    client = None if address is None else (address, 50000)
    sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    async with client_of(answering(Readers(token, private=private), client)) as http:
        return await http.get("/metrics", headers=sent)


async def test_prometheus_reads_the_page() -> None:
    answer = await read()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = parsed(answer.text)
    assert samples["madang_gateway_requests_total"] == {("GET", "content", "200"): 1}
    assert samples["process_resident_memory_bytes"][()] > 1e6
    assert samples["process_open_fds"][()] > 0
    assert samples["process_cpu_seconds_total"][()] > 0


async def test_who_accepts_openmetrics_gets_it() -> None:
    answer = await read(headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    names = [family.name for family in families]
    assert "madang_gateway_requests" in names


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "172.18.0.1", "192.168.1.9", "::ffff:10.0.0.1"]
)
async def test_without_a_token_who_is_near_may_read(address: str) -> None:
    assert (await read(address)).status_code == 200


@pytest.mark.parametrize("address", ["8.8.4.4", "2001:4860::1", "::ffff:8.8.8.8", "x", None])
async def test_without_a_token_strangers_may_not(address: str | None) -> None:
    answer = await read(address)
    assert (answer.status_code, answer.json()["code"]) == (403, "metrics_forbidden")
    assert "METRICS_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_what_comes_through_a_proxy_comes_from_anywhere(header: str) -> None:
    answer = await read("127.0.0.1", {header: "for=10.0.0.1"})
    assert answer.status_code == 403


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:192.168.0.1", "fd00::1"])
async def test_in_production_a_private_network_is_not_near(address: str) -> None:
    assert (await read(address, private=False)).status_code == 403
    assert (await read("127.0.0.1", private=False)).status_code == 200


async def test_the_token_admits_from_anywhere_and_through_proxies() -> None:
    answer = await read("8.8.8.8", WITH_TOKEN | {"x-forwarded-for": "8.8.8.8"}, token=TOKEN)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer " + "t" * 15, "Bearer " + "t" * 17, "t" * 16, "Bearer é"]
)
async def test_once_there_is_a_token_nearness_does_not_count(given: str) -> None:
    answer = await read("127.0.0.1", {"authorization": given}, token=TOKEN)
    assert (answer.status_code, answer.json()["code"]) == (401, "metrics_token_wrong")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN.get_secret_value() not in answer.text
