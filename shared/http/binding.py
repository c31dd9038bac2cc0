"""Runs an endpoint: collects its arguments, calls it, and encodes its answer."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.errors import FieldError, Invalid, TooLarge, UnsupportedType
from shared.http.decoding import convert_string, convert_strings, decode_json
from shared.http.endpoint import Authenticator, Endpoint, HeaderParameter
from shared.security.access import refuse, refuse_service
from shared.security.bearer import bearer_token

T = TypeVar("T")


class BoundEndpoint:
    """The ASGI app of one endpoint."""

    def __init__(self, endpoint: Endpoint, authenticate: Authenticator) -> None:
        self._endpoint = endpoint
        self._signature = endpoint.signature
        self._authenticate = authenticate
        self._status = endpoint.declaration.status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises the endpoint's Problems."""
        request = Request(scope, receive)
        arguments = await self._arguments(request)
        answer = await self._endpoint.handler(**arguments)
        await self._response(answer)(scope, receive, send)

    async def _arguments(self, request: Request) -> dict[str, Any]:
        signature = self._signature
        arguments: dict[str, Any] = {}
        if signature.caller is not None:
            arguments["caller"] = await self._caller(request)
        errors: list[FieldError] = []
        for name, wanted in signature.path.items():
            value = request.path_params[name]
            arguments[name] = _collect(errors, convert_string, value, wanted, name)
        for name, parameter in signature.headers.items():
            arguments[name] = _collect(errors, _header, request, parameter)
        if signature.query is not None:
            values = dict(request.query_params)
            arguments["query"] = _collect(errors, convert_strings, values, signature.query)
        if signature.body is not None:
            body = await self._read_json(request)
            if signature.caller is not None:
                # A body may come so slowly that whoever sends it has been logged out meanwhile.
                arguments["caller"] = await self._caller(request)
            arguments["body"] = (
                None if body is None else _collect(errors, decode_json, body, signature.body)
            )
        if errors:
            raise Invalid(errors=tuple(errors))
        if signature.request is not None:
            arguments[signature.request] = request
        return arguments

    async def _read_json(self, request: Request) -> bytes | None:
        """The body; None where it is empty and need not be there."""
        body = await read_body(request, self._endpoint.declaration.max_json)
        if not self._signature.body_required and not body.strip():
            return None
        content_type = request.headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedType(f"Send application/json; this is {content_type!r}.")
        return body

    async def _caller(self, request: Request) -> object:
        header = request.headers.get("authorization")
        if header is None and self._signature.caller == "optional":
            return None
        token = bearer_token(header)
        declaration = self._endpoint.declaration
        if self._signature.caller == "service":
            service = await self._authenticate.service(token)
            refuse_service(service, declaration.callers)
            return service
        caller = await self._authenticate.user(token)
        refuse(caller, declaration.scope, guests=declaration.guests)
        return caller

    def _response(self, answer: object) -> Response:
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status_code=204)
        return Response(
            msgspec.json.encode(answer),
            self._status,
            {"cache-control": "no-store"},
            media_type="application/json",
        )


def _collect(errors: list[FieldError], convert: Any, *arguments: Any) -> Any:
    try:
        return convert(*arguments)
    except Invalid as invalid:
        errors += invalid.errors
        return None


def _header(request: Request, parameter: HeaderParameter) -> Any:
    name = parameter.header.name
    value = request.headers.get(name)
    if value is None:
        if parameter.required:
            raise Invalid(errors=(FieldError(name, "this header is required"),))
        return None
    return convert_string(value, parameter.type, name)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; raises `TooLarge` as soon as it exceeds `limit` bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body may have {limit} bytes at most.")
        chunks.append(chunk)
    return b"".join(chunks)
