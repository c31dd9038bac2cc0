"""Typed endpoints: the signature of a handler says what it takes, once, for binding and OpenAPI.

    @dataclass(frozen=True, slots=True)
    class JobEndpoints:
        submit: SubmitJob

        @endpoint("POST", "/api/jobs", status=202, summary="Submit a job", tag="jobs", …)
        async def create(self, body: NewJob, caller: Principal) -> JobView: ...

What a parameter is:

- named in the path template: that part of the path, converted to its type;
- `body`: the JSON body as a Struct, or `Struct | None` where there need not be one;
- `query`: the query string as a Struct;
- `caller`: a `Principal` (a token is required), `Principal | None` (optional), or a
  `CallingService` (a service token is required);
- annotated with `Header(…)`: that request header;
- of type `Request`: the request itself, for bodies that are streamed.

Who may call, beyond that (`shared/security/access.py`): with `scope`, an API key that has it;
without, no API key at all. A scope that begins with `admin:` is needed by everybody. `guests=False`
asks for a registered account. A `CallingService` is any of ours, or one of `callers`.

An answer is a Struct (JSON), None (204), or a Starlette `Response` as it is.
"""

import inspect
import re
import types
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from starlette.requests import Request

from shared.errors import Problem
from shared.security.principal import CallingService, Principal

MAX_JSON_BYTES = 1024 * 1024
Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)


class Authenticator(Protocol):
    """Turns a bearer token into its verified owner; raises `Unauthenticated`."""

    async def user(self, token: str) -> Principal:
        """The user whose access token this is."""
        ...

    async def service(self, token: str) -> CallingService:
        """The service whose token this is."""
        ...


@dataclass(frozen=True, slots=True)
class Header:
    """Marks a parameter that is read from a request header: `Annotated[str | None, Header(…)]`."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class HeaderParameter:
    """A bound header: its marker, the type it converts to, and whether it may be absent."""

    header: Header
    type: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the decorator was told about an endpoint."""

    method: str
    path: str
    status: int
    summary: str
    tag: str
    description: str
    example: msgspec.Struct | None
    body_example: msgspec.Struct | None
    errors: tuple[type[Problem], ...]
    aliases: tuple[str, ...]
    accepts: tuple[str, ...]
    body_schema: dict[str, Any] | None
    answers: tuple[str, ...]
    answer_headers: tuple[Header, ...]
    sends_file: bool
    scope: str | None
    guests: bool
    callers: tuple[str, ...]
    text_examples: Mapping[str, str]
    max_json: int
    body_examples: Mapping[str, msgspec.Struct]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes, read from its annotations."""

    path: dict[str, Any]
    headers: dict[str, HeaderParameter]
    body: type[msgspec.Struct] | None
    body_required: bool
    query: type[msgspec.Struct] | None
    caller: str | None
    """`user`, `optional`, `service` or None."""
    request: str | None
    answer: Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declared endpoint with its signature and its bound handler."""

    name: str
    declaration: Declaration
    signature: Signature
    handler: Handler


def endpoint(
    method: str,
    path: str,
    *,
    summary: str,
    tag: str,
    status: int = 200,
    description: str = "",
    example: msgspec.Struct | None = None,
    body_example: msgspec.Struct | None = None,
    errors: tuple[type[Problem], ...] = (),
    aliases: tuple[str, ...] = (),
    accepts: tuple[str, ...] = ("application/json",),
    body_schema: dict[str, Any] | None = None,
    answers: tuple[str, ...] = (),
    answer_headers: tuple[Header, ...] = (),
    sends_file: bool = False,
    scope: str | None = None,
    guests: bool = True,
    callers: tuple[str, ...] = (),
    text_examples: Mapping[str, str] = types.MappingProxyType({}),
    max_json: int = MAX_JSON_BYTES,
    body_examples: Mapping[str, msgspec.Struct] = types.MappingProxyType({}),
) -> Callable[[H], H]:
    """Declare a method as an endpoint.

    `aliases` are further paths that answer the same; `accepts` (media types) and `body_schema` (a
    JSON schema) describe a body that the handler reads itself; `max_json` bounds one in JSON, in
    bytes; `answers` are the media types of a
    raw response (`example` shows its JSON, `text_examples` the others), `answer_headers` what it
    may carry besides, and `sends_file` says that it is made by `file_response`: the file whole, in
    part, or not again. A body that may be one of several has `body_examples` by name.
    """
    declaration = Declaration(
        method, path, status, summary, tag, description, example, body_example, errors, aliases,
        accepts, body_schema, answers, answer_headers, sends_file, scope, guests, callers,
        text_examples, max_json, body_examples,
    )  # fmt: skip

    def declare(handler: H) -> H:
        handler.__endpoint__ = declaration  # type: ignore[attr-defined]
        return handler

    return declare


def endpoints_of(group: object) -> list[Endpoint]:
    """Every endpoint that the class of `group` declares, bound to `group`."""
    return [
        Endpoint(name, function.__endpoint__, read_signature(function), getattr(group, name))
        for name, function in vars(type(group)).items()
        if hasattr(function, "__endpoint__")
    ]


def read_signature(function: Any) -> Signature:
    """Read what a handler takes; raises TypeError when a parameter cannot be bound."""
    declaration: Declaration = function.__endpoint__
    hints = get_type_hints(function, include_extras=True)
    in_path = set(re.findall(r"{(\w+)(?::\w+)?}", declaration.path))
    path: dict[str, Any] = {}
    headers: dict[str, HeaderParameter] = {}
    body = query = caller = request = None
    body_required = True
    for name in list(inspect.signature(function).parameters)[1:]:
        hint = hints[name]
        if name in in_path:
            path[name] = hint
        elif name == "body":
            body, body_required = _without_none(hint)
        elif name == "query":
            query = hint
        elif name == "caller":
            caller = _kind_of_caller(hint)
        elif hint is Request:
            request = name
        elif (header := _header_of(hint)) is not None:
            headers[name] = header
        else:
            raise TypeError(f"{function.__qualname__}: parameter {name!r} cannot be bound")
    if missing := in_path - set(path):
        raise TypeError(f"{function.__qualname__}: the path names {missing}, the handler does not")
    if declaration.callers and caller != "service":
        raise TypeError(f"{function.__qualname__}: `callers` are services; it takes none")
    return Signature(path, headers, body, body_required, query, caller, request, hints["return"])


def _kind_of_caller(hint: Any) -> str:
    if hint is CallingService:
        return "service"
    return "user" if hint is Principal else "optional"


def _header_of(hint: Any) -> HeaderParameter | None:
    if get_origin(hint) is not Annotated:
        return None
    inner, *marks = get_args(hint)
    header = next((mark for mark in marks if isinstance(mark, Header)), None)
    if header is None:
        return None
    rest = tuple(mark for mark in marks if mark is not header)
    inner, required = _without_none(inner)
    return HeaderParameter(header, Annotated[(inner, *rest)] if rest else inner, required)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """What `hint` is besides None, and whether it must be there."""
    if get_origin(hint) not in (Union, types.UnionType) or type(None) not in get_args(hint):
        return hint, True
    rest = tuple(one for one in get_args(hint) if one is not type(None))
    return Union[rest], False  # noqa: UP007
