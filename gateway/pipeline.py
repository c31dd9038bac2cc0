"""The way of every request through the gateway, in one place.

In: ids → address → CORS → route → limits → identity → cache → upstream. Out: one `send`
(`answer.py`). A policy is a plain function of the request; none wraps another.
"""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access_log import AccessLine, AccessLog
from gateway.ambiguity import refuse_ambiguous
from gateway.answer import HTTPS_ONLY, SECURITY, Answer
from gateway.body_limit import limited
from gateway.cache.cache import Cache
from gateway.client_address import ClientAddresses
from gateway.cors import Cors
from gateway.headers import Fields, HeaderBlock, HeaderList
from gateway.identity import API_KEY, CLAIMED, Identity, as_bearer
from gateway.metrics.requests import RequestMetrics
from gateway.rate_limits.limits import RateLimits
from gateway.routes import PROBES, Routes, TokenRule
from gateway.upstream.proxy import AnswerBroken, ClientLeft
from shared.clock import Clock
from shared.errors import NotFound, Problem, Unavailable
from shared.http.problems import response_of
from shared.observability import context
from shared.observability.logging import get_logger
from shared.runtime.http_exchange import ENCODED_HEADERS

log = get_logger(__name__)

_CLIENT_LEFT = 499
"""nginx's status for a client that closed the connection; it appears in the log alone."""

_NOT_ACCEPTED = CLAIMED | {
    API_KEY,
    b"forwarded",
    b"traceparent",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
    b"x-request-id",
}
"""What a client says about itself or its way here, and what we say anew to the upstream."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What the pipeline asks on the way in."""

    cors: Cors
    routes: Routes
    addresses: ClientAddresses
    limits: RateLimits
    identity: Identity
    cache: Cache


@dataclass(frozen=True, slots=True)
class Records:
    """What the pipeline tells about each request; `access_log` is None where none is kept."""

    metrics: RequestMetrics
    access_log: AccessLog | None


async def no_sockets(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuses every WebSocket, where there is nothing to hear."""
    await receive()
    await response_of(NotFound("No WebSocket is opened here."))(scope, receive, send)


class Gateway:
    """The ASGI app; `https_only` tells browsers never to come without TLS."""

    def __init__(
        self,
        policies: Policies,
        records: Records,
        clock: Clock,
        *,
        https_only: bool,
        sockets: ASGIApp = no_sockets,
    ) -> None:
        self._cors = policies.cors
        self._routes = policies.routes
        self._addresses = policies.addresses
        self._limits = policies.limits
        self._identity = policies.identity
        self._cache = policies.cache
        self._metrics = records.metrics
        self._access_log = records.access_log
        self._clock = clock
        self._sockets = sockets
        self._defaults = HeaderBlock(SECURITY + HTTPS_ONLY if https_only else SECURITY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one WebSocket."""
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        started = self._clock.monotonic()
        self._metrics.in_flight += 1
        fields = dict(scope["headers"])
        request_id, trace = context.begin(fields.get(b"x-request-id"), fields.get(b"traceparent"))
        address, scope["scheme"] = self._addresses.of(scope, fields)
        cors = self._cors.headers_for(fields.get(b"origin"))
        encodes = ENCODED_HEADERS in scope.get("extensions", ())
        answer = Answer(send, self._defaults, cors, request_id, encodes=encodes)
        try:
            await self._answer(scope, fields, address, receive, answer)
        except ClientLeft:
            answer.status = _CLIENT_LEFT
        except AnswerBroken as broken:  # the server cuts off what is left unfinished
            log.warning("answer_broken", path=scope["path"], detail=str(broken))
        except Problem as problem:
            await self._explain(problem, scope, receive, answer)
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if not answer.has_started:
                await response_of(Problem())(scope, receive, answer.send)
        finally:
            self._record(scope, answer, started, address, request_id, trace)

    async def _answer(
        self, scope: Scope, fields: Fields, address: str, receive: Receive, answer: Answer
    ) -> None:
        refuse_ambiguous(scope, fields)
        if scope["method"] == "OPTIONS" and (response := self._cors.preflight(fields)) is not None:
            await response(scope, receive, answer.send)
            return
        route = self._routes.find(scope)
        answer.service = route.service
        if route.headers:
            answer.add(route.headers)
        receive = limited(receive, fields, route.max_body)
        caller = None if route.token is TokenRule.IGNORED else self._identity.known(fields)
        limit = self._limits.check(route.limit, caller, address)
        if limit is None:
            limit = await self._limits.ask(route.limit, caller, address)
        answer.add(limit)
        if caller is None and self._identity.is_asked(fields, route.token):
            caller = await self._identity.caller(fields)
        answer.caller = caller
        if caller is not None and caller.api_key:
            scope = {**scope, "headers": as_bearer(caller, scope["headers"])}
        if route.cached and (key := self._cache.key_of(scope, fields)) is not None:
            if (entry := self._cache.find(key, fields)) is not None:
                await entry.answer(scope["method"], fields, answer.send)
            else:
                scope = _forwarded(scope, fields, address)
                await self._cache.fetch(key, fields, route.upstream, scope, receive, answer.send)
            return
        if route.service != "gateway":
            scope = _forwarded(scope, fields, address)
        await route.upstream(scope, receive, answer.send)

    async def _explain(
        self, problem: Problem, scope: Scope, receive: Receive, answer: Answer
    ) -> None:
        if problem.status >= 500 and not isinstance(problem, Unavailable):  # told where it began
            log.warning(
                "not_answered", code=problem.code, path=scope["path"], detail=problem.detail
            )
        if not answer.has_started:
            await response_of(problem)(scope, receive, answer.send)

    def _record(
        self,
        scope: Scope,
        answer: Answer,
        started: float,
        address: str,
        request_id: str,
        trace: str,
    ) -> None:
        duration = self._clock.monotonic() - started
        method, path, status = scope["method"], scope["path"], answer.status
        self._metrics.in_flight -= 1
        self._metrics.observe(answer.service, method, status, duration, answer.sent_bytes)
        if self._access_log is None or not _is_worth_a_line(path, status):
            return
        self._access_log.add(
            AccessLine(
                self._clock.now(),
                "info" if status < 500 else "error",
                method,
                path,
                status,
                round(duration * 1000, 2),
                answer.sent_bytes,
                address,
                answer.caller.id if answer.caller else None,
                request_id,
                trace[3:35],
            )
        )


def _is_worth_a_line(path: str, status: int) -> bool:
    """Everything but the probes of a healthy gateway, which would be most of a quiet day's log."""
    return status >= 400 or path not in PROBES


def _forwarded(scope: Scope, fields: Fields, address: str) -> Scope:
    """The request as the upstream sees it: cleaned, and with our word on where it comes from."""
    headers: HeaderList = scope["headers"]
    if not _NOT_ACCEPTED.isdisjoint(fields):
        headers = [field for field in headers if field[0] not in _NOT_ACCEPTED]
    return {
        **scope,
        "headers": [
            *headers,
            (b"x-request-id", context.request_id.get().encode()),
            (b"traceparent", context.traceparent.get().encode()),
            (b"x-forwarded-for", address.encode()),
            (b"x-forwarded-proto", scope["scheme"].encode()),
            (b"x-forwarded-host", fields.get(b"host", b"")),
        ],
    }
