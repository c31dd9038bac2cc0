"""A client of the gateway that needs no socket."""

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.in_process import InProcessTransport


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was asked."""
    request = Request(scope, receive)
    seen = {
        "path": scope["path"],
        "headers": dict(request.headers),
        "bytes": len(await request.body()),
    }
    await JSONResponse(seen, headers={"vary": "Accept"})(scope, receive, send)


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcessTransport(app), base_url="http://gate")
