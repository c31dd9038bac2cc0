"""OpenAPI 3.1, made from the same declarations that bind the requests, so that it cannot drift."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from shared.errors import (
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    PreconditionFailed,
    Problem,
    RangeNotSatisfiable,
    TooLarge,
    Unauthenticated,
    UnsupportedType,
)
from shared.http.endpoint import Declaration, Endpoint
from shared.http.problems import MEDIA_TYPE, ProblemBody, body_of
from shared.security import api_keys
from shared.security.access import ADMIN, refusals
from shared.security.api_keys import ApiKeyInvalid

_REF = "#/components/schemas/{name}"
_REQUEST_ID = "0f3d8c5e9b6a4d17a2c45e8f90b1d263"
_WRONG_FIELD = (FieldError("name", "is required"),)
_FILE_HEADERS = {
    "Range": "One range of bytes, such as `bytes=0-1023`.",
    "If-Range": "The ETag for which `Range` counts; for another one the whole file is sent.",
    "If-None-Match": "ETags that the client has: the file is not sent again.",
    "If-Match": "ETags that the client expects: nothing else is sent.",
}

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": api_keys.HEADER,
        "description": "A key of `POST /api/auth/api-keys`, for programs; it may come as the "
        "bearer token, too. Operations that name a scope are open to keys that have it.",
    },
}


def document(title: str, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of these endpoints; internal ones are left out."""
    public = [one for one in endpoints if not one.declaration.path.startswith("/internal/")]
    schemas, components = msgspec.json.schema_components(
        [ProblemBody, *_types(public)], ref_template=_REF
    )
    by_type = dict(zip([ProblemBody, *_types(public)], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in public:
        for path in (one.declaration.path, *one.declaration.aliases):
            operation = _operation(one, path, by_type)
            template = re.sub(r"{(\w+):\w+}", r"{\1}", path)
            paths.setdefault(template, {})[one.declaration.method.lower()] = operation
    described = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }
    # msgspec leaves Python defaults such as () in its schemas; a round trip makes them plain JSON
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(described))
    return plain


def _types(endpoints: Iterable[Endpoint]) -> list[Any]:
    found: dict[Any, None] = {}
    for one in endpoints:
        signature = one.signature
        wanted = [signature.body, *signature.path.values()]
        wanted += [header.type for header in signature.headers.values()]
        if signature.query is not None:
            wanted += [field.type for field in msgspec.structs.fields(signature.query)]
        wanted.append(_json_answer(one))
        found.update((kind, None) for kind in wanted if kind is not None)
    return list(found)


def _json_answer(one: Endpoint) -> Any:
    """The type of the JSON that is answered; None when there is none."""
    answer, example = one.signature.answer, one.declaration.example
    if answer is type(None):
        return None
    if isinstance(answer, type) and issubclass(answer, Response):
        return None if example is None else type(example)
    return answer


def _operation(one: Endpoint, path: str, schemas: dict[Any, Any]) -> dict[str, Any]:
    declared, signature = one.declaration, one.signature
    suffix = "" if path == declared.path else re.sub(r"\W+", "_", path)
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W", "_", f"{declared.tag}_{one.name}{suffix}"),
        "summary": declared.summary,
        "tags": [declared.tag],
        "parameters": _parameters(one, schemas),
        "responses": _responses(one, schemas),
    }
    if description := " ".join(filter(None, (declared.description, _scope_needed(declared)))):
        operation["description"] = description
    if signature.caller is not None:
        operation["security"] = _security(one)
    if signature.body is not None or declared.body_schema is not None:
        operation["requestBody"] = {
            "required": signature.body_required,
            "content": _body(one, schemas),
        }
    return operation


def _scope_needed(declared: Declaration) -> str:
    """Which scope it takes: API keys always need one, users those of roles alone."""
    if declared.scope is None:
        return ""
    who = "This" if declared.scope.startswith(ADMIN) else "An API key"
    return f"{who} needs the scope `{declared.scope}`."


def _security(one: Endpoint) -> list[dict[str, list[str]]]:
    scope = one.declaration.scope
    found: list[dict[str, list[str]]] = [{"bearer": []}]
    if scope is not None:
        found.append({"apiKey": [scope]})
    return [*found, {}] if one.signature.caller == "optional" else found


def _parameters(one: Endpoint, schemas: dict[Any, Any]) -> list[dict[str, Any]]:
    signature = one.signature
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": schemas[kind]}
        for name, kind in signature.path.items()
    ]
    found += [
        {
            "name": parameter.header.name,
            "in": "header",
            "required": parameter.required,
            "description": parameter.header.description,
            "schema": schemas[parameter.type],
        }
        for parameter in signature.headers.values()
    ]
    if one.declaration.sends_file:
        found += [
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": description,
                "schema": {"type": "string"},
            }
            for name, description in _FILE_HEADERS.items()
        ]
    if signature.query is not None:
        for field in msgspec.structs.fields(signature.query):
            schema = dict(schemas[field.type])
            description = schema.pop("description", None)
            described = {"description": description} if description else {}
            if not field.required and isinstance(field.default, str | int | bool):
                schema["default"] = field.default
            found.append(
                {
                    "name": field.encode_name,
                    "in": "query",
                    "required": field.required,
                    **described,
                    "schema": schema,
                }
            )
    return found


def _body(one: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    declared = one.declaration
    content: dict[str, Any] = {}
    if one.signature.body is not None:
        content["application/json"] = {"schema": schemas[one.signature.body]}
    if declared.body_schema is not None:
        content |= {kind: {"schema": declared.body_schema} for kind in declared.accepts}
    if declared.body_example is not None:
        example = msgspec.to_builtins(declared.body_example)
        for media in content.values():
            media["example"] = example
    if declared.body_examples:
        shown = {
            name: {"value": msgspec.to_builtins(each)}
            for name, each in declared.body_examples.items()
        }
        for media in content.values():
            media["examples"] = shown
    return content


def _responses(one: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    declared = one.declaration
    success: dict[str, Any] = {"description": declared.summary}
    content: dict[str, Any] = {media_type: {} for media_type in declared.answers}
    for media_type, text in declared.text_examples.items():
        content[media_type] = {"schema": {"type": "string"}, "example": text}
    if (answer := _json_answer(one)) is not None:
        media = content["application/json"] = {"schema": schemas[answer]}
        if declared.example is not None:
            media["example"] = msgspec.to_builtins(declared.example)
    if content:
        success["content"] = content
    if declared.answer_headers:
        success["headers"] = {
            header.name: {"description": header.description, "schema": {"type": "string"}}
            for header in declared.answer_headers
        }
    responses = {str(declared.status): success}
    if declared.sends_file:
        responses["206"] = {**success, "description": "The range that was asked for"}
        responses["304"] = {"description": "The client has the file already"}
    by_status: dict[int, list[type[Problem]]] = {}
    for error in (*declared.errors, *_implied_errors(one)):
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        responses[str(status)] = problem_answer(errors, schemas[ProblemBody])
    return responses


def problem_answer(errors: Sequence[type[Problem]], schema: dict[str, Any]) -> dict[str, Any]:
    """One answer for `errors`, which have the same status, with an example of each by its code;
    `schema` is that of `ProblemBody`."""
    return {
        "description": "; ".join(dict.fromkeys(error.title for error in errors)),
        "content": {
            MEDIA_TYPE: {
                "schema": schema,
                "examples": {error.code: {"value": _example(error)} for error in errors},
            }
        },
    }


def _implied_errors(one: Endpoint) -> list[type[Problem]]:
    signature = one.signature
    found: list[type[Problem]] = []
    if signature.caller is not None:
        found.append(Unauthenticated)
        if one.declaration.scope is not None:
            found.append(ApiKeyInvalid)
    if signature.caller in ("user", "optional"):
        found += refusals(one.declaration.scope, guests=one.declaration.guests)
    if signature.caller == "service":
        found.append(Forbidden)
    if signature.body is not None:
        found += [Malformed, TooLarge, UnsupportedType]
    if signature.body or signature.query or signature.path or signature.headers:
        found.append(Invalid)
    if one.declaration.sends_file:
        found += [PreconditionFailed, RangeNotSatisfiable]
    return found


def _example(error: type[Problem]) -> Any:
    body = body_of(Invalid(errors=_WRONG_FIELD) if error is Invalid else error())
    return msgspec.to_builtins(msgspec.structs.replace(body, request_id=_REQUEST_ID))
