"""The services as mock mode has them: an ASGI app that answers with examples."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.headers import Fields
from gateway.identity import token_in
from gateway.mock.content import SUFFIXES
from gateway.mock.operations import Operations
from gateway.mock.preferences import USUAL, preferences_in
from gateway.mock.rules import Given
from gateway.mock.schemas import Schemas
from shared.observability import context
from shared.runtime.readiness import CheckReport, ReadinessReport

_CHECKS = {"mock": CheckReport("healthy", 0.0)}


class MockApi:
    """Answers every call that `document` tells of; errors are raised for the gateway to explain."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._operations = Operations(document, Schemas(document["components"]))
        self._pages = {
            "/openapi.json": msgspec.json.encode(document),
            "/health/ready": msgspec.json.encode(ReadinessReport("healthy", _CHECKS)),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (page := self._pages.get(scope["path"])) is not None:
            await _send(send, 200, [(b"content-type", b"application/json")], page)
            return
        fields: Fields = dict(scope["headers"])
        operation, in_path = self._operations.find(scope["method"], scope["path"])
        if operation.needs_token:
            token_in(fields)
        kind = _media_type(fields)
        body = await _read(receive, keep=operation.rules.reads(kind))
        wanted = preferences_in(scope["headers"])
        if wanted is USUAL:
            parameters = {"path": in_path, "query": _query(scope), "header": _headers(fields)}
            operation.rules.check(Given(parameters, kind, body))
        answer = operation.answers.chosen(wanted, _wanted_types(scope["path"], fields))
        given = {**in_path, "request_id": context.request_id.get()}
        headers = [*answer.headers, *wanted.applied]
        await _send(send, answer.status, headers, answer.body_for(given))


async def _send(send: Send, status: int, headers: Any, body: bytes) -> None:
    if status not in (204, 304):
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive, *, keep: bool) -> bytes:
    """The body; without `keep` it is taken and forgotten, for it may be a large file."""
    chunks = []
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        if keep:
            chunks.append(message.get("body", b""))
    return b"".join(chunks)


def _media_type(fields: Fields) -> str:
    """The type of a request's body, without its parameters; JSON when none is named."""
    given = fields.get(b"content-type", b"application/json").decode("latin-1")
    return given.partition(";")[0].strip().lower()


def _query(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _headers(fields: Fields) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}


def _wanted_types(path: str, fields: Fields) -> list[str]:
    """The media types that the path's ending and the client's `Accept` name, in this order."""
    accepted = fields.get(b"accept", b"").decode("latin-1").split(",")
    named = [one.partition(";")[0].strip().lower() for one in accepted]
    suffix = SUFFIXES.get(path.rstrip("/").rpartition("/")[2].rpartition(".")[2])
    return [*([suffix] if suffix else []), *named, "application/json"]
