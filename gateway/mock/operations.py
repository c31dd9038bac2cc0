"""The documented calls: which one a request makes, and what it must bring along."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gateway.cors import Fields
from gateway.mock.answers import AnswerMaker, Answers
from gateway.mock.checks import Checks, from_text
from gateway.mock.schemas import Schema, Schemas
from shared.errors import (
    FieldError,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    UnsupportedType,
)

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A documented parameter; `place` is path, query or header."""

    name: str
    place: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented call; `bodies` are the schemas of its body by media type."""

    needs_token: bool
    parameters: Sequence[Parameter]
    bodies: Mapping[str, Schema]
    answers: Answers


class Rules:
    """Holds requests against the documented parameters and bodies."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._checks = Checks(schemas)

    def check(
        self,
        operation: Operation,
        given: Mapping[str, Mapping[str, str]],
        media_type: str,
        body: bytes,
    ) -> None:
        """Raise `Invalid` for every wrong field at once, `Malformed`, or `UnsupportedType`.

        `given` are the parameters by place and name.
        """
        mistakes = [
            mistake
            for one in operation.parameters
            for mistake in self._of_parameter(one, given[one.place])
        ]
        if operation.bodies:
            mistakes += self._of_body(operation.bodies, media_type, body)
        if mistakes:
            raise Invalid(errors=tuple(mistakes))

    def _of_parameter(self, one: Parameter, given: Mapping[str, str]) -> list[FieldError]:
        name = one.name.lower() if one.place == "header" else one.name
        if name not in given:
            return [FieldError(one.name, "is required")] if one.required else []
        return self._of_text(given[name], one.schema, one.name)

    def _of_text(self, text: str, schema: Schema, name: str) -> list[FieldError]:
        values = [from_text(text, choice) for choice in self._schemas.choices(schema)]
        found = [self._checks.mistakes(value, schema, name) for value in values]
        return [] if [] in found else found[0]

    def _of_body(
        self, bodies: Mapping[str, Schema], media_type: str, body: bytes
    ) -> list[FieldError]:
        if media_type == _JSON and _JSON in bodies:
            return self._checks.mistakes(_decoded(body), bodies[_JSON], "")
        if media_type == _FORM and _FORM in bodies:
            return self._of_form(body, bodies[_FORM])
        if _JSON in bodies:
            raise UnsupportedType(f"Send {' or '.join(bodies)}; this is {media_type!r}.")
        return []  # files are not read; and what takes a form may take JSON, too: log-in does

    def _of_form(self, body: bytes, schema: Schema) -> list[FieldError]:
        members = self._schemas.resolved(schema).get("properties", {})
        values: dict[str, Any] = {
            name: from_text(text, self._schemas.resolved(members.get(name, {})))
            for name, text in parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        }
        return self._checks.mistakes(values, schema, "")


class Operations:
    """The operations of a document, looked up by method and path."""

    def __init__(self, document: Mapping[str, Any], schemas: Schemas) -> None:
        maker = AnswerMaker(schemas)
        self._exact: dict[str, dict[str, Operation]] = {}
        self._templates: list[tuple[re.Pattern[str], dict[str, Operation]]] = []
        for path, methods in document["paths"].items():
            operations = {
                method.upper(): _operation(maker, schemas, operation, f"{method.upper()} {path}")
                for method, operation in methods.items()
            }
            if "GET" in operations:
                operations.setdefault("HEAD", operations["GET"])
            if "{" in path:
                self._templates.append((_pattern(path), operations))
            else:
                self._exact[path] = operations

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation and the parameters of its path; raises `NotFound`, `MethodNotAllowed`."""
        path = path.rstrip("/") or "/"
        allowed: list[str] = []
        for operations, parameters in self._at(path):
            if method in operations:
                return operations[method], parameters
            allowed += operations
        if not allowed:
            raise NotFound(f"Nothing answers at {path}.")
        known = ", ".join(sorted(set(allowed)))
        raise MethodNotAllowed(
            f"{path} does not answer {method}; it answers {known}.", headers={"allow": known}
        )

    def _at(self, path: str) -> Iterator[tuple[dict[str, Operation], dict[str, str]]]:
        if path in self._exact:
            yield self._exact[path], {}
        for pattern, operations in self._templates:
            if (match := pattern.fullmatch(path)) is not None:
                yield operations, match.groupdict()


def media_type_of(fields: Fields) -> str:
    """The type of a request's body, without its parameters; JSON when none is named."""
    given = fields.get(b"content-type", _JSON.encode()).decode("latin-1")
    return given.partition(";")[0].strip().lower()


def _operation(maker: AnswerMaker, schemas: Schemas, described: Schema, where: str) -> Operation:
    parameters = [
        Parameter(one["name"], one["in"], one.get("required", False), one["schema"])
        for one in map(schemas.resolved, described.get("parameters", ()))
    ]
    content = schemas.resolved(described.get("requestBody", {})).get("content", {})
    security = described.get("security", [])
    return Operation(
        needs_token=bool(security) and {} not in security,
        parameters=parameters,
        bodies={name: media.get("schema", {}) for name, media in content.items()},
        answers=maker.answers(
            described, where, [one.name for one in parameters if one.place == "path"]
        ),
    )


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
    )


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from None
