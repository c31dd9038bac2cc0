"""What any call may be answered before it reaches its service, or instead: told once."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.upstream.connection import ClientTooSlow
from shared.errors import (
    BadGateway,
    GatewayTimeout,
    Malformed,
    Problem,
    TooLarge,
    TooMany,
    Unavailable,
)
from shared.http.openapi import problem_answer

_BY_ANY: tuple[type[Problem], ...] = (Malformed, TooMany, BadGateway, Unavailable, GatewayTimeout)
_WITH_A_BODY: tuple[type[Problem], ...] = (ClientTooSlow, TooLarge)
_PROBLEM = {"$ref": "#/components/schemas/ProblemBody"}


def _header(description: str, kind: str, example: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}, "example": example}


_RETRY_AFTER = {"Retry-After": _header("Seconds after which to try again.", "integer", 5)}
_HEADERS: Mapping[type[Problem], Mapping[str, Any]] = {
    TooMany: {
        **_RETRY_AFTER,
        "RateLimit": _header("What is left.", "string", '"login-address";r=0;t=5'),
        "RateLimit-Policy": _header("What is allowed.", "string", '"login-address";q=10;w=60'),
    },
    Unavailable: _RETRY_AFTER,
}


def responses() -> dict[str, Any]:
    """The answers, by the name under which operations refer to them."""
    described = {}
    for error in (*_BY_ANY, *_WITH_A_BODY):
        described[error.__name__] = problem_answer([error], _PROBLEM)
        if (headers := _HEADERS.get(error)) is not None:
            described[error.__name__]["headers"] = dict(headers)
    return described


def with_errors(operations: Mapping[str, Any]) -> dict[str, Any]:
    """The operations of a path, which also refer to these answers; what a service says of a
    status itself stays."""
    return {method: _with_errors(operation) for method, operation in operations.items()}


def _with_errors(operation: Mapping[str, Any]) -> dict[str, Any]:
    added = _references(_BY_ANY)
    if "requestBody" in operation:
        added |= _references(_WITH_A_BODY)
    together = {**added, **operation["responses"]}
    return {**operation, "responses": dict(sorted(together.items()))}


def _references(errors: Iterable[type[Problem]]) -> dict[str, Any]:
    return {
        str(error.status): {"$ref": f"#/components/responses/{error.__name__}"} for error in errors
    }
