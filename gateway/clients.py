"""httpx clients to the services, for all that is not a client's request."""

from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp

from shared.http.in_process import InProcessTransport

Clients = Mapping[str, httpx.AsyncClient]
"""By the service's name."""


def over_http(urls: Mapping[str, str]) -> Clients:
    """Clients for services in processes of their own."""
    return {name: httpx.AsyncClient(base_url=url) for name, url in urls.items()}


def in_process(apps: Mapping[str, ASGIApp]) -> Clients:
    """Clients for services whose apps are at hand."""
    return {
        name: httpx.AsyncClient(transport=InProcessTransport(app), base_url=f"http://{name}")
        for name, app in apps.items()
    }


async def close(clients: Clients) -> None:
    """Close every client."""
    for client in clients.values():
        await client.aclose()
