"""Errors on the wire: `application/problem+json` (RFC 9457)."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.errors import FieldError, MethodNotAllowed, NotFound, Problem
from shared.observability.context import request_id

MEDIA_TYPE = "application/problem+json"


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of a problem: the RFC's own, a stable `code`, and every wrong field."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


def body_of(problem: Problem) -> ProblemBody:
    """`problem` as it appears on the wire, with the id of the present request."""
    return ProblemBody(
        type=f"urn:madang:problem:{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        request_id=request_id.get(),
        errors=problem.errors,
    )


def response_of(problem: Problem) -> Response:
    """The answer that tells a client about `problem`."""
    headers = {"cache-control": "no-store", **problem.headers}
    if problem.status == 401:
        headers.setdefault("www-authenticate", 'Bearer realm="madang"')
    body: object = body_of(problem)
    if problem.members:
        body = {**msgspec.to_builtins(body), **problem.members}
    return Response(msgspec.json.encode(body), problem.status, headers, media_type=MEDIA_TYPE)


def from_routing(error: HTTPException, method: str, path: str) -> Problem:
    """What Starlette's router raises, in our words."""
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(
            f"{path} does not answer {method}; it answers {allowed}.", headers={"allow": allowed}
        )
    return NotFound(f"Nothing answers at {path}.")
