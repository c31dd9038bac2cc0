"""The page about monitoring names every metric, and the alerts ask for none that is not there."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric

from gateway.cache.cache import Cache
from gateway.metrics.loop_lag import LoopLag
from gateway.metrics.requests import RequestMetrics
from gateway.metrics.sources import (
    of_build,
    of_cache,
    of_live_connections,
    of_redis,
    of_upstreams,
)
from gateway.rate_limits.redis_link import RedisLink
from gateway.realtime.hub import ConnectionLimits, Hub
from tests.support.clock import MovableClock

ROOT = Path(__file__).parents[4]
NAME = re.compile(r"\b(?:madang|process)_\w+")


def families() -> list[Metric]:
    """Everything that a gateway with all its parts tells."""
    clock = MovableClock()
    sources = [
        of_build("1"),
        RequestMetrics().families,
        LoopLag(clock).families,
        of_upstreams({}),
        of_cache(Cache(5.0, 1024, clock)),
        of_live_connections(Hub(ConnectionLimits(1, 1), clock)),
        of_redis(RedisLink("redis://127.0.0.1:1", clock)),
    ]
    process = ProcessCollector(registry=CollectorRegistry()).collect()
    return [*process, *(family for source in sources for family in source())]


def name_of(family: Metric) -> str:
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def test_the_page_has_every_metric_and_no_other() -> None:
    page = (ROOT / "docs/monitoring.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in NAME.findall(row)}
    assert named == {name_of(family) for family in families()}


def test_alerts_ask_for_metrics_that_exist() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy/observability/alerts.yml").read_text())["groups"]
    known = {name_of(family) for family in families()}
    for rule in group["rules"]:
        asked = {name.removesuffix("_bucket") for name in NAME.findall(rule["expr"])}
        assert asked <= known, rule["alert"]
        assert rule["annotations"]["summary"]


def test_the_page_says_what_to_do_at_each_alert() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy/observability/alerts.yml").read_text())["groups"]
    page = (ROOT / "docs/monitoring.md").read_text()
    assert re.findall(r"^\| (Madang\w+) \|", page, re.MULTILINE) == [
        rule["alert"] for rule in group["rules"]
    ]
