"""`/api/info`: what runs here."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response


class Features(msgspec.Struct, frozen=True):
    """What this gateway offers beyond passing requests on: a page to try the API at `/docs`,
    examples instead of services, live events, a short cache of public answers."""

    docs: bool
    mock: bool
    realtime: bool
    cache: bool


class Info(msgspec.Struct, frozen=True):
    """The product, its version, where it runs, and what is switched on."""

    name: str
    version: str
    environment: str
    features: Features


class InfoPage:
    """Answers the same as long as the process lives."""

    def __init__(self, described: Info) -> None:
        self._body = msgspec.json.encode(described)

    async def page(self, _: Request) -> Response:
        """`/api/info`."""
        return Response(self._body, media_type="application/json")
