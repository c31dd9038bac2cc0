"""The composition root: builds every object of the gateway."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from starlette.types import ASGIApp

from gateway import clients, pipeline
from gateway.access_log import AccessLog, to_standard_error
from gateway.api_keys import ApiKeys, exchange_with
from gateway.cache.cache import Cache
from gateway.cache.purging import purging
from gateway.client_address import ClientAddresses
from gateway.cors import Cors
from gateway.docs import Docs
from gateway.health import Health
from gateway.identity import Identity
from gateway.info import Features, Info, InfoPage
from gateway.local import read_only
from gateway.metrics.loop_lag import LoopLag
from gateway.metrics.page import MetricsPage, readers_of
from gateway.metrics.requests import RequestMetrics
from gateway.metrics.sources import (
    Source,
    of_build,
    of_cache,
    of_live_connections,
    of_redis,
    of_upstreams,
)
from gateway.openapi import OpenApi
from gateway.pipeline import Gateway, Policies, Records
from gateway.rate_limits.building import rate_limits
from gateway.realtime import service as realtime
from gateway.realtime import sockets, streams
from gateway.realtime.hub import ConnectionLimits
from gateway.realtime.visits import VisitLog
from gateway.routes import Routes
from gateway.settings import DoorSettings, GatewaySettings
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.clock import Clock, SystemClock
from shared.messaging.broker import Broker
from shared.runtime.service import Check, Component, Service
from shared.security.service_tokens import ServiceAuth, ServiceTokens
from shared.security.verification import remote_verification
from shared.version import VERSION


def build(
    settings: GatewaySettings,
    broker: Broker,
    *,
    upstreams: Mapping[str, ASGIApp] | None = None,
    clock: Clock | None = None,
) -> Service:
    """The gateway, in front of `upstreams` in this process, or of the services' addresses."""
    clock = clock or SystemClock()
    urls = {
        "auth": settings.auth_url, "content": settings.content_url, "jobs": settings.jobs_url,
    }  # fmt: skip
    closing: list[Callable[[], Awaitable[None]]] = []
    pools: dict[str, Pool] = {}
    if upstreams is None:
        asked = clients.over_http(urls, settings.upstream_ca)
        pools = _pools(urls, settings, clock)
        upstreams = {name: Proxy(pool) for name, pool in pools.items()}
        closing += [pool.close for pool in pools.values()]
    else:
        asked = clients.in_process(upstreams)
    secret = settings.secret_key.get_secret_value()
    verification = remote_verification("gateway", secret, asked["auth"], clock)
    credentials = ServiceAuth(ServiceTokens(secret, "gateway", clock), "auth")
    api_keys = ApiKeys(exchange_with(asked["auth"], credentials), verification.verifier, clock)
    access_log = standard_access_log()
    addresses = ClientAddresses(settings.trusted_proxies)
    requests, lag = RequestMetrics(), LoopLag(clock)
    limiting = rate_limits(settings, clock)
    cache = Cache(settings.cache_seconds, settings.cache_max_bytes, clock)
    live = realtime.build(
        verification,
        asked,
        settings.allowed_origins,
        ConnectionLimits(
            settings.realtime_max_connections, settings.realtime_max_connections_per_user
        ),
        limiting.limits,
        clock,
        VisitLog(access_log, addresses, clock),
    )
    broker.subscribe(verification.broadcast, purging(cache), live.broadcast)
    sources = [
        of_build(VERSION), requests.families, lag.families, of_upstreams(pools), of_cache(cache),
        of_live_connections(live.hub),
    ]  # fmt: skip
    checks: dict[str, Check] = {"broker": broker.ping}
    if limiting.redis is not None:
        sources.append(of_redis(limiting.redis))
        checks["cache"] = limiting.redis.ping
    features = Features(docs=True, mock=False, realtime=True, cache=settings.cache_seconds > 0)
    about = Info("madang", VERSION, settings.environment, features)
    policies = Policies(
        Cors(settings.allowed_origins),
        Routes(
            upstreams,
            {
                **own_pages(asked, clock, about, settings, checks, sources),
                streams.PATH: live.streams,
                sockets.PATH: sockets.not_upgraded,
            },
            max_body=settings.max_body_bytes,
            max_upload=settings.upload_max_bytes,
            deprecations=settings.deprecated_aliases,
        ),
        addresses,
        limiting.limits,
        Identity(verification.verifier, api_keys),
        cache,
    )

    async def close() -> None:
        if access_log is not None:
            access_log.flush()
        await clients.close(asked)

    return Service(
        "gateway",
        Gateway(
            policies,
            Records(requests, access_log),
            clock,
            https_only=settings.environment == "production",
            sockets=live.sockets,
        ),
        components=(
            verification.component,
            Component("loop-lag", lag.run),
            live.component,
            *limiting.components,
        ),
        close=(*closing, close),
    )


def _pools(urls: Mapping[str, str], settings: GatewaySettings, clock: Clock) -> dict[str, Pool]:
    limits = Limits(
        connect=settings.upstream_connect_seconds,
        silence=settings.upstream_silence_seconds,
        total=settings.upstream_total_seconds,
        connections=settings.upstream_connections,
        waiting=settings.upstream_waiting,
        queue=settings.upstream_waiting_seconds,
    )
    return {
        name: Pool(name, Origin.of(url), limits, clock, settings.upstream_ca)
        for name, url in urls.items()
    }


def own_pages(
    asked: clients.Clients,
    clock: Clock,
    about: Info,
    settings: DoorSettings,
    checks: Mapping[str, Check],
    sources: Iterable[Source],
) -> dict[str, ASGIApp]:
    """What the gateway answers itself, by path; `checks` are of what it uses, `sources` those of
    its metrics."""
    health = Health(asked, checks, clock, mock=about.features.mock)
    openapi = OpenApi(asked, clock, settings.deprecated_aliases.keys())
    return {
        "/": read_only(health.root),
        "/health": read_only(health.alive),
        "/api/health": read_only(health.alive),
        "/api/info": read_only(InfoPage(about).page),
        "/health/ready": read_only(health.ready),
        "/health/full": read_only(health.full),
        "/metrics": read_only(MetricsPage(sources, readers_of(settings)).page),
        "/openapi.json": read_only(openapi.page),
        **Docs(openapi).apps(),
    }


def standard_access_log() -> AccessLog | None:
    """The access log, unless this process logs nothing as mild as an answered request."""
    if not logging.getLogger(pipeline.__name__).isEnabledFor(logging.INFO):
        return None
    return AccessLog(to_standard_error)
