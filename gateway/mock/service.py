"""The composition root of mock mode: the same gateway, in front of examples."""

from collections.abc import Mapping

from starlette.types import ASGIApp

from gateway import clients
from gateway.cache.cache import Cache
from gateway.client_address import ClientAddresses
from gateway.cors import Cors
from gateway.documented import Document, documented
from gateway.identity import Identity
from gateway.info import Features, Info
from gateway.metrics.requests import RequestMetrics
from gateway.metrics.sources import of_build
from gateway.mock.api import MockApi
from gateway.mock.identity import AnyApiKey, AnyToken
from gateway.pipeline import Gateway, Policies, Records
from gateway.rate_limits.building import unlimited
from gateway.routes import Routes, owner_of
from gateway.service import own_pages, standard_access_log
from gateway.settings import DoorSettings
from shared.clock import SystemClock
from shared.observability.logging import configure
from shared.runtime.entry_point import serve_alone
from shared.runtime.service import Service
from shared.version import VERSION

_UPSTREAMS = ("auth", "content", "jobs")


def build_mock(settings: DoorSettings) -> Service:
    """The gateway with nothing behind it."""
    clock = SystemClock()
    document = documented()
    requests = RequestMetrics()
    api = MockApi(document)
    upstreams = dict.fromkeys(_UPSTREAMS, api)
    asked = clients.in_process(upstreams)
    about = Info(
        "madang",
        VERSION,
        settings.environment,
        Features(docs=True, mock=True, realtime=False, cache=False),
    )
    sources = [of_build(VERSION), requests.families]
    pages = own_pages(asked, clock, about, settings, {}, sources)
    routes = Routes(
        upstreams,
        _with_examples(document, api, pages),
        max_body=settings.max_body_bytes,
        max_upload=settings.upload_max_bytes,
        deprecations=settings.deprecated_aliases,
    )
    policies = Policies(
        Cors(settings.allowed_origins),
        routes,
        ClientAddresses(settings.trusted_proxies),
        unlimited(),
        Identity(AnyToken(), AnyApiKey()),
        Cache(0, 0, clock),
    )
    access_log = standard_access_log()

    async def close() -> None:
        if access_log is not None:
            access_log.flush()
        await clients.close(asked)

    return Service(
        "gateway",
        Gateway(policies, Records(requests, access_log), clock, https_only=False),
        close=(close,),
    )


def _with_examples(
    document: Document, api: ASGIApp, own: Mapping[str, ASGIApp]
) -> dict[str, ASGIApp]:
    """The gateway's own pages, and examples in the place of those that need services: each state
    of `/health/full`, as it is preferred, and what is not here in mock mode."""
    examples = {path: api for path in document["paths"] if owner_of(path) is None}
    return {**examples, **own, "/health/full": api}


def serve_mock(settings: DoorSettings) -> int:
    """Run mock mode until it is told to end; the exit code."""
    configure("gateway", settings.log_level, pretty=settings.debug)
    return serve_alone(settings, build_mock(settings))
