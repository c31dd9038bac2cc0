"""One OpenAPI document for everything behind the gateway, merged from those of the services."""

import asyncio
import re
from collections.abc import Collection, Mapping
from typing import Any

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.clients import Clients
from gateway.documented import Document
from gateway.openapi_errors import responses, with_errors
from gateway.openapi_own import own
from gateway.routes import owner_of
from shared.clock import Clock
from shared.errors import Problem
from shared.observability.logging import get_logger

log = get_logger(__name__)

_FRESH_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_FETCH_SECONDS = 2.0
_REFERENCE = re.compile(r"^#/components/schemas/(.+)$")


class OpenApi:
    """The merged document; what a service said last stands in while it cannot be asked."""

    def __init__(self, clients: Clients, clock: Clock, deprecated: Collection[str] = ()) -> None:
        self._clients = clients
        self._clock = clock
        self._deprecated = deprecated
        self._asking = asyncio.Lock()
        self._known: dict[str, Document] = {}
        self._merged = b""
        self._fresh_until = float("-inf")

    async def page(self, _: Request) -> Response:
        """`/openapi.json`."""
        return Response(await self.document(), media_type="application/json")

    async def document(self) -> bytes:
        """The merged document as JSON, at most ten seconds old, or one while a service is away.

        However many ask at once, each service is asked once.
        """
        if self._is_stale():
            async with self._asking:
                if self._is_stale():
                    await self._refresh()
        return self._merged

    def _is_stale(self) -> bool:
        return self._clock.monotonic() >= self._fresh_until

    async def _refresh(self) -> None:
        answered = await asyncio.gather(*(self._fetch(*one) for one in self._clients.items()))
        missing = [name for name in self._clients if name not in self._known]
        self._merged = msgspec.json.encode(merge(self._known, missing, self._deprecated))
        seconds = _FRESH_SECONDS if all(answered) else _RETRY_SECONDS
        self._fresh_until = self._clock.monotonic() + seconds

    async def _fetch(self, name: str, client: httpx.AsyncClient) -> bool:
        """Ask a service; whether it answered."""
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                response = await client.get("/openapi.json")
            response.raise_for_status()
            self._known[name] = msgspec.json.decode(response.content, type=Document)
        except (httpx.HTTPError, msgspec.MsgspecError, Problem, TimeoutError) as error:
            log.warning("openapi_not_fetched", upstream=name, error=repr(error))
            return False
        return True


def merge(
    documents: Mapping[str, Document], missing: list[str], deprecated: Collection[str] = ()
) -> Document:
    """One document with the paths that are routed to each service, and our own; the operations of
    `deprecated` paths are marked."""
    paths, schemas = own()
    components: dict[str, Document] = {"schemas": schemas, "responses": responses()}
    for service, document in sorted(documents.items()):
        clashes = _clashes(schemas, document.get("components", {}).get("schemas", {}), service)
        document = _renamed(document, clashes)
        paths |= {
            path: with_errors(operations)
            for path, operations in document["paths"].items()
            if owner_of(path) == service
        }
        for kind, members in document.get("components", {}).items():
            components.setdefault(kind, {}).update(members)
    for path in deprecated:
        for operation in paths.get(path, {}).values():
            operation["deprecated"] = True
    info: Document = {"title": "Madang", "version": "1"}
    if missing:
        info["description"] = f"Not reachable right now, and not shown: {', '.join(missing)}."
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _clashes(known: Document, own: Document, service: str) -> dict[str, str]:
    """New names for the schemas that another service gives another meaning."""
    return {
        name: f"{service}.{name}"
        for name, schema in own.items()
        if name in known and known[name] != schema
    }


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    if not names:
        return document
    renamed: Document = _with_references(document, names)
    schemas = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = {names.get(name, name): one for name, one in schemas.items()}
    return renamed


def _with_references(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _with_references(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_references(value, names) for value in node]
    if isinstance(node, str) and (match := _REFERENCE.match(node)):
        return f"#/components/schemas/{names.get(match[1], match[1])}"
    return node
