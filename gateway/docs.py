"""`/docs`: Swagger UI from our own disk, under a policy that allows nothing from elsewhere."""

import copy
from typing import Any

import msgspec
import swagger_ui_bundle
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp

from gateway.local import read_only
from gateway.openapi import OpenApi

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Madang API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null
});
"""
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")


class Docs:
    """The page and what it loads."""

    def __init__(self, openapi: OpenApi) -> None:
        self._openapi = openapi
        self._source = b""
        self._older = b""

    def apps(self) -> dict[str, ASGIApp]:
        """Every path of the page with its app."""
        return {
            "/docs": read_only(self._page),
            "/docs/start.js": read_only(self._start),
            "/docs/openapi.json": read_only(self._document),
            **{f"/docs/{name}": read_only(self._asset) for name in _ASSETS},
        }

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(_PAGE, headers={"content-security-policy": _POLICY})

    async def _start(self, _: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    async def _asset(self, request: Request) -> Response:
        name = request.url.path.rstrip("/").rpartition("/")[2]
        path = swagger_ui_bundle.swagger_ui_path / name
        return FileResponse(path, headers={"cache-control": "public, max-age=86400"})

    async def _document(self, _: Request) -> Response:
        source = await self._openapi.document()
        if source is not self._source:  # for tens of milliseconds are much to take for each reader
            self._source = source
            self._older = msgspec.json.encode(as_3_0(msgspec.json.decode(source)))
        return Response(self._older, media_type="application/json")


def as_3_0(document: dict[str, Any]) -> dict[str, Any]:
    """`document` as OpenAPI 3.0, all that the packaged Swagger UI (version 4) draws: a choice with
    null becomes `nullable`, a constant an `enum`, a file in a form `binary`."""
    older: dict[str, Any] = _older(copy.deepcopy(document))
    return {**older, "openapi": "3.0.3"}


def _older(node: Any) -> Any:
    if isinstance(node, list):
        return [_older(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: _older(value) for key, value in node.items()}
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.pop("contentMediaType", None) is not None:
        node["format"] = "binary"
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [one for one in choices if one != {"type": "null"}]
        del node["anyOf"]
        node |= {"nullable": True, **(rest[0] if len(rest) == 1 else {"anyOf": rest})}
    return node
