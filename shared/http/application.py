"""The ASGI app of a service: its endpoints, health, OpenAPI, and errors as problems."""

from collections.abc import Mapping, Sequence

import msgspec
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Problem
from shared.http.binding import BoundEndpoint
from shared.http.endpoint import Authenticator, Endpoint, endpoints_of
from shared.http.openapi import document
from shared.http.problems import from_routing, response_of
from shared.observability import context
from shared.observability.logging import get_logger
from shared.runtime.readiness import Readiness
from shared.runtime.service import Check

log = get_logger(__name__)


def build_app(
    name: str,
    *,
    endpoints: Sequence[object],
    authenticate: Authenticator,
    checks: Mapping[str, Check],
    extra_routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """An app that answers the endpoints of each group in `endpoints`, `/health`,
    `/health/ready` (runs `checks`) and `/openapi.json`."""
    found = [one for group in endpoints for one in endpoints_of(group)]
    readiness = Readiness(checks)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "healthy", "service": name})

    async def ready(_: Request) -> Response:
        report = await readiness.report()
        return JSONResponse(msgspec.to_builtins(report), 200 if report.status == "healthy" else 503)

    described = msgspec.json.encode(document(f"Madang: {name}", found))

    async def openapi(_: Request) -> Response:
        return Response(described, media_type="application/json")

    router = Router(
        routes=[
            Route("/health", health),
            Route("/health/ready", ready),
            Route("/openapi.json", openapi),
            *_routes(found, authenticate),
            *extra_routes,
        ],
        redirect_slashes=False,
    )
    return ServiceApp(router)


def _routes(endpoints: Sequence[Endpoint], authenticate: Authenticator) -> list[BaseRoute]:
    return [
        Route(path, BoundEndpoint(one, authenticate), methods=[one.declaration.method])
        for one in endpoints
        for path in (one.declaration.path, *one.declaration.aliases)
    ]


class ServiceApp:
    """Wraps a router: trailing slashes are tolerated, ids bound, errors become problems."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        context.bind(
            context.accepted_request_id(headers.get("x-request-id", "")),
            headers.get("traceparent", ""),
        )
        scope["app"] = self  # makes Starlette's router raise its errors instead of answering
        path = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/") or "/"}
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._router(scope, receive, watched)
        except ClientDisconnect:
            log.info("client_left", method=scope["method"], path=path)
        except Exception as error:
            response = response_of(_problem_of(error, scope))
            if started:
                raise  # too late for another status: the server must break the connection
            await response(scope, receive, send)


def _problem_of(error: Exception, scope: Scope) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return from_routing(error, scope["method"], scope["path"])
    log.error("request_failed", method=scope["method"], path=scope["path"], exc_info=error)
    return Problem("The error has been recorded under the request id given here.")
