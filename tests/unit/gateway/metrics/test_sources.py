"""What the metrics tell about the other parts of the gateway."""

from gateway.cache.cache import Cache
from gateway.metrics.loop_lag import LoopLag
from gateway.metrics.sources import (
    of_build,
    of_cache,
    of_live_connections,
    of_redis,
    of_upstreams,
)
from gateway.rate_limits.redis_link import RedisLink
from gateway.realtime.hub import ConnectionLimits, Hub
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from tests.support.clock import MovableClock
from tests.unit.gateway.metrics.support import told

UPSTREAM = "madang_gateway_upstream"


def a_pool() -> Pool:
    return Pool("content", Origin.of("http://127.0.0.1:1"), Limits(), MovableClock())


def test_the_state_of_a_breaker_is_the_one_that_is_1() -> None:
    pool = a_pool()
    shown = of_upstreams({"content": pool})
    assert told(shown())[f"{UPSTREAM}_breaker"] == {
        ("content", "closed"): 1,
        ("content", "half_open"): 0,
        ("content", "open"): 0,
    }
    while pool.breaker.state == "closed":
        pool.failed()
    samples = told(shown())
    assert samples[f"{UPSTREAM}_breaker"][("content", "open")] == 1
    assert samples[f"{UPSTREAM}_breaker"][("content", "closed")] == 0
    assert samples[f"{UPSTREAM}_breaker_openings_total"] == {("content",): 1}


def test_refusals_are_told_apart_by_their_reason() -> None:
    pool = a_pool()
    pool.refused, pool.shed = 2, 5
    assert told(of_upstreams({"content": pool})())[f"{UPSTREAM}_refusals_total"] == {
        ("breaker", "content"): 2,
        ("queue", "content"): 5,
    }


def test_what_is_sent_again_and_who_waits_is_told_of_each_upstream() -> None:
    pool = a_pool()
    pool.retries.repeated = 4
    samples = told(of_upstreams({"content": pool, "jobs": a_pool()})())
    assert samples[f"{UPSTREAM}_retries_total"] == {("content",): 4, ("jobs",): 0}
    assert samples[f"{UPSTREAM}_requests_waiting"] == {("content",): 0, ("jobs",): 0}
    assert samples[f"{UPSTREAM}_connections"] == {
        (service, state): 0 for service in ("content", "jobs") for state in ("busy", "idle")
    }


def test_the_cache_tells_what_it_saved() -> None:
    cache = Cache(5.0, 1024 * 1024, MovableClock())
    cache.hits, cache.misses = 7, 3
    cache.purge()
    samples = told(of_cache(cache)())
    names = ("hits_total", "misses_total", "purges_total", "bytes")
    assert [samples[f"madang_gateway_cache_{name}"][()] for name in names] == [7, 3, 1, 0]


def test_the_version_that_runs_is_a_label() -> None:
    assert told(of_build("1.2.3")())["madang_build_info"] == {("1.2.3",): 1}


def test_the_loop_is_never_early() -> None:
    lag = LoopLag(MovableClock())
    lag.note(-0.0004)
    lag.note(0.3)
    samples = told(lag.families())
    buckets = samples["madang_gateway_event_loop_lag_seconds_bucket"]
    assert (buckets[("0.001",)], buckets[("0.25",)], buckets[("0.5",)]) == (1, 1, 2)
    assert samples["madang_gateway_event_loop_lag_seconds_sum"] == {(): 0.3}


def test_live_connections_and_redis_are_read_at_the_scrape() -> None:
    hub = Hub(ConnectionLimits(10, 10), MovableClock())
    link = RedisLink("redis://127.0.0.1:1", MovableClock())
    live, redis = of_live_connections(hub), of_redis(link)
    with hub.place(), hub.place():
        assert told(live())["madang_gateway_live_connections"] == {(): 2}
    assert told(live())["madang_gateway_live_connections"] == {(): 0}
    assert told(redis())["madang_gateway_redis_up"] == {(): 0}
    link.is_up = True
    assert told(redis())["madang_gateway_redis_up"] == {(): 1}
