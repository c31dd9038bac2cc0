"""The way of every request through the gateway, in one place.

In: ids → CORS → route → limits → identity → upstream. Out: one `send` (`answer.py`). A policy is
a plain function of the request; none wraps another.
"""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from gateway.access_log import AccessLine, AccessLog
from gateway.ambiguity import refuse_ambiguous
from gateway.answer import HTTPS_ONLY, SECURITY, Answer
from gateway.cors import Cors, Fields, HeaderList
from gateway.identity import CLAIMED, Identity
from gateway.limits import limited
from gateway.routes import Routes, TokenRule
from gateway.upstream.proxy import AnswerBroken, ClientLeft
from shared.clock import Clock
from shared.errors import Problem
from shared.http.problems import response_of
from shared.observability import context
from shared.observability.logging import get_logger

log = get_logger(__name__)

_CLIENT_LEFT = 499
"""nginx's status for a client that closed the connection; it appears in the log alone."""

PROBED = frozenset({"/health", "/health/ready"})

_NOT_ACCEPTED = CLAIMED | {
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
    identity: Identity


class Gateway:
    """The ASGI app; `https_only` tells browsers never to come without TLS."""

    def __init__(
        self, policies: Policies, clock: Clock, access_log: AccessLog | None, *, https_only: bool
    ) -> None:
        self._cors = policies.cors
        self._routes = policies.routes
        self._identity = policies.identity
        self._clock = clock
        self._access_log = access_log
        self._defaults = dict(SECURITY + HTTPS_ONLY if https_only else SECURITY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = self._clock.monotonic()
        headers: HeaderList = scope["headers"]
        fields = dict(headers)
        given_id = fields.get(b"x-request-id")
        request_id = (
            context.new_request_id()
            if given_id is None
            else context.accepted_request_id(given_id.decode("latin-1"))
        )
        trace = context.bind(request_id, fields.get(b"traceparent", b"").decode("latin-1"))
        cors = self._cors.headers_for(fields.get(b"origin"))
        answer = Answer(send, self._defaults, cors, request_id)
        try:
            await self._answer(scope, fields, receive, answer)
        except ClientLeft:
            answer.status = _CLIENT_LEFT
        except AnswerBroken as broken:
            log.warning("answer_broken", path=scope["path"], detail=str(broken))
            raise  # the server closes the connection, so that nobody takes it for whole
        except Problem as problem:
            await self._explain(problem, scope, receive, answer)
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if answer.has_started:
                raise
            await response_of(Problem())(scope, receive, answer.send)
        finally:
            if self._access_log is not None and _is_worth_a_line(scope["path"], answer.status):
                duration = self._clock.monotonic() - started
                self._log(self._access_log, scope, answer, duration, request_id, trace)

    async def _answer(self, scope: Scope, fields: Fields, receive: Receive, answer: Answer) -> None:
        refuse_ambiguous(scope["headers"], fields)
        if scope["method"] == "OPTIONS" and (response := self._cors.preflight(fields)) is not None:
            await response(scope, receive, answer.send)
            return
        route = self._routes.find(scope)
        receive = limited(receive, fields, route.max_body)
        if route.token is not TokenRule.IGNORED:
            answer.caller = await self._identity.caller(fields, route.token)
        await route.upstream(_forwarded(scope, fields), receive, answer.send)

    async def _explain(
        self, problem: Problem, scope: Scope, receive: Receive, answer: Answer
    ) -> None:
        if problem.status >= 500:
            log.warning(
                "not_answered", code=problem.code, path=scope["path"], detail=problem.detail
            )
        if answer.has_started:
            raise problem
        await response_of(problem)(scope, receive, answer.send)

    def _log(
        self,
        access_log: AccessLog,
        scope: Scope,
        answer: Answer,
        duration: float,
        request_id: str,
        trace: str,
    ) -> None:
        client = scope["client"]
        access_log.add(
            AccessLine(
                self._clock.now(),
                "info" if answer.status < 500 else "error",
                scope["method"],
                scope["path"],
                answer.status,
                round(duration * 1000, 2),
                answer.sent_bytes,
                client[0] if client else "",
                answer.caller.id if answer.caller else None,
                request_id,
                trace[3:35],
            )
        )


def _is_worth_a_line(path: str, status: int) -> bool:
    """Everything but the probes of a healthy gateway, which would be most of a quiet day's log."""
    return status >= 400 or path not in PROBED


def _forwarded(scope: Scope, fields: Fields) -> Scope:
    """The request as the upstream sees it: cleaned, and with our word on where it comes from."""
    headers: HeaderList = scope["headers"]
    if not _NOT_ACCEPTED.isdisjoint(fields):
        headers = [field for field in headers if field[0] not in _NOT_ACCEPTED]
    client = scope["client"]
    return {
        **scope,
        "headers": [
            *headers,
            (b"x-request-id", context.request_id.get().encode()),
            (b"traceparent", context.traceparent.get().encode()),
            (b"x-forwarded-for", client[0].encode() if client else b""),
            (b"x-forwarded-proto", scope["scheme"].encode()),
            (b"x-forwarded-host", fields.get(b"host", b"")),
        ],
    }
