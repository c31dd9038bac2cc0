"""The one way to open an httpx client of a service of ours."""

import ssl

import httpx
from starlette.types import ASGIApp

from shared.http.in_process import InProcessTransport

_SECONDS = 5.0
"""To connect, to send a piece, and between two pieces of an answer. Not for the whole of it: a
worker streams videos."""


def over_http(base_url: str, authorities: str | None = None) -> httpx.AsyncClient:
    """A client of the service that listens at `base_url`; `authorities` (PEM), if given, are the
    only ones that may vouch for it."""
    verify = True if authorities is None else ssl.create_default_context(cadata=authorities)
    return httpx.AsyncClient(base_url=base_url, timeout=_SECONDS, verify=verify)


def in_process(app: ASGIApp, name: str) -> httpx.AsyncClient:
    """A client of the service `name`, whose app is at hand."""
    return httpx.AsyncClient(transport=InProcessTransport(app), base_url=f"http://{name}")
