"""httpx clients to the services, for all that is not a client's request."""

from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp

from shared.http import clients

Clients = Mapping[str, httpx.AsyncClient]
"""By the service's name."""


def over_http(urls: Mapping[str, str], authorities: str | None) -> Clients:
    """Clients for services in processes of their own; see `Pool` for `authorities`."""
    return {name: clients.over_http(url, authorities) for name, url in urls.items()}


def in_process(apps: Mapping[str, ASGIApp]) -> Clients:
    """Clients for services whose apps are at hand."""
    return {name: clients.in_process(app, name) for name, app in apps.items()}


async def close(opened: Clients) -> None:
    """Close every client."""
    for client in opened.values():
        await client.aclose()
