"""What other parts of the gateway know about themselves, read at a scrape from plain attributes."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from gateway.cache.cache import Cache
from gateway.rate_limits.redis_link import RedisLink
from gateway.realtime.hub import Hub
from gateway.upstream.breaker import CLOSED, HALF_OPEN, OPEN
from gateway.upstream.pool import Pool

Source = Callable[[], Iterable[Metric]]
"""Called at each scrape."""


def of_build(version: str) -> Source:
    """Which version runs."""

    def families() -> Iterable[Metric]:
        yield InfoMetricFamily("madang_build", "What runs here.", value={"version": version})

    return families


def of_upstreams(pools: Mapping[str, Pool]) -> Source:
    """Connections, breaker, retries and refusals of each upstream."""

    def families() -> Iterable[Metric]:
        yield _connections(pools)
        yield _breakers(pools)
        yield _refusals(pools)
        yield _each(
            GaugeMetricFamily,
            "requests_waiting",
            "Requests that wait for a connection.",
            {name: pool.waiting for name, pool in pools.items()},
        )
        yield _each(
            CounterMetricFamily,
            "breaker_openings",
            "How often the breaker opened.",
            {name: pool.breaker.opened for name, pool in pools.items()},
        )
        yield _each(
            CounterMetricFamily,
            "retries",
            "Requests sent a second time.",
            {name: pool.retries.repeated for name, pool in pools.items()},
        )

    return families


def _each(
    kind: type[GaugeMetricFamily | CounterMetricFamily],
    name: str,
    documentation: str,
    values: Mapping[str, float],
) -> Metric:
    family = kind(f"madang_gateway_upstream_{name}", documentation, labels=("service",))
    for service, value in values.items():
        family.add_metric((service,), value)
    return family


def _connections(pools: Mapping[str, Pool]) -> Metric:
    family = GaugeMetricFamily(
        "madang_gateway_upstream_connections",
        "Open connections, busy or idle.",
        labels=("service", "state"),
    )
    for name, pool in pools.items():
        family.add_metric((name, "idle"), pool.idle)
        family.add_metric((name, "busy"), pool.connections - pool.idle)
    return family


def _breakers(pools: Mapping[str, Pool]) -> Metric:
    family = GaugeMetricFamily(
        "madang_gateway_upstream_breaker",
        "1 for the state that the breaker is in, 0 for the others.",
        labels=("service", "state"),
    )
    for name, pool in pools.items():
        for state in (CLOSED, OPEN, HALF_OPEN):
            family.add_metric((name, state), pool.breaker.state == state)
    return family


def _refusals(pools: Mapping[str, Pool]) -> Metric:
    family = CounterMetricFamily(
        "madang_gateway_upstream_refusals",
        "Requests refused before they were sent: the breaker was open, or too many waited.",
        labels=("service", "reason"),
    )
    for name, pool in pools.items():
        family.add_metric((name, "breaker"), pool.refused)
        family.add_metric((name, "queue"), pool.shed)
    return family


def of_cache(cache: Cache) -> Source:
    """What the short cache saved, and the memory it takes."""

    def families() -> Iterable[Metric]:
        counted = (
            ("hits", "Requests answered from the cache.", cache.hits),
            ("misses", "Requests passed on by the cache.", cache.misses),
            ("purges", "Events that emptied it.", cache.purges),
        )
        for name, documentation, value in counted:
            yield CounterMetricFamily(f"madang_gateway_cache_{name}", documentation, value=value)
        yield GaugeMetricFamily(
            "madang_gateway_cache_bytes", "Memory its entries take.", value=cache.bytes
        )

    return families


def of_live_connections(hub: Hub) -> Source:
    """How many clients hear events."""

    def families() -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "madang_gateway_live_connections",
            "Open WebSockets and event streams.",
            value=hub.connections,
        )

    return families


def of_redis(link: RedisLink) -> Source:
    """Whether limits are shared by all gateways now; for a gateway that has a Redis."""

    def families() -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "madang_gateway_redis_up",
            "1 while Redis answers; at 0 each gateway counts for itself.",
            value=link.is_up,
        )

    return families
