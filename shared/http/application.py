"""The ASGI app of a service: its endpoints, health, OpenAPI, and errors as problems."""

from collections.abc import Mapping, Sequence

import msgspec
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
) -> ASGIApp:
    """An app that answers the endpoints of each group in `endpoints`, `/health`,
    `/health/ready` (runs `checks`) and `/openapi.json`."""
    found = [one for group in endpoints for one in endpoints_of(group)]
    described = msgspec.json.encode(document(f"Madang: {name}", found))

    async def openapi(_: Request) -> Response:
        return Response(described, media_type="application/json")

    return ServiceApp(
        [
            *_health_routes(name, checks),
            Route("/openapi.json", openapi),
            *_routes(found, authenticate),
        ]
    )


def health_app(name: str, checks: Mapping[str, Check]) -> ASGIApp:
    """The app of a process that answers nothing but `/health` and `/health/ready`."""
    return ServiceApp(_health_routes(name, checks))


def _health_routes(name: str, checks: Mapping[str, Check]) -> list[BaseRoute]:
    readiness = Readiness(checks)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "healthy", "service": name})

    async def ready(_: Request) -> Response:
        report = await readiness.report()
        status = 200 if report.status == "healthy" else 503
        return JSONResponse(msgspec.to_builtins(report), status)

    return [Route("/health", health), Route("/health/ready", ready)]


def _routes(endpoints: Sequence[Endpoint], authenticate: Authenticator) -> list[BaseRoute]:
    """One route a path, so that a wrong method is told every right one."""
    by_path: dict[str, dict[str, ASGIApp]] = {}
    for one in endpoints:
        for path in (one.declaration.path, *one.declaration.aliases):
            bound = BoundEndpoint(one, authenticate)
            by_path.setdefault(path, {})[one.declaration.method] = bound
    return [Route(path, _ByMethod(apps), methods=list(apps)) for path, apps in by_path.items()]


class _ByMethod:
    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = {**({"HEAD": apps["GET"]} if "GET" in apps else {}), **apps}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["method"]](scope, receive, send)


class ServiceApp:
    """Routes requests: trailing slashes are tolerated, ids bound, errors become problems."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        fields = dict(scope["headers"])
        context.begin(fields.get(b"x-request-id"), fields.get(b"traceparent"))
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
