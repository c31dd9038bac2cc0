"""Requests held against the documented parameters and bodies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gateway.mock.checks import Checks, from_text
from gateway.mock.schemas import Schema, Schemas
from shared.errors import UNREADABLE, FieldError, Invalid, Malformed, UnsupportedType

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A documented parameter; `place` is path, query or header."""

    name: str
    place: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Given:
    """What a request brings: its parameters by place and name, and its body."""

    parameters: Mapping[str, Mapping[str, str]]
    media_type: str
    body: bytes


class Rules:
    """What an operation asks of a request; `bodies` are the schemas of its body by media type."""

    def __init__(
        self, schemas: Schemas, parameters: Sequence[Parameter], bodies: Mapping[str, Schema]
    ) -> None:
        self._schemas = schemas
        self._checks = Checks(schemas)
        self._parameters = parameters
        self._bodies = bodies

    def reads(self, media_type: str) -> bool:
        """Whether a body of this type is looked into; files, for one, are not."""
        return media_type in self._bodies and media_type in (_JSON, _FORM)

    def check(self, given: Given) -> None:
        """Raise `Invalid` for every wrong field at once, `Malformed`, or `UnsupportedType`."""
        mistakes = [
            mistake
            for one in self._parameters
            for mistake in self._of_parameter(one, given.parameters[one.place])
        ]
        mistakes += self._of_body(given.media_type, given.body)
        if mistakes:
            raise Invalid(errors=tuple(mistakes))

    def _of_parameter(self, one: Parameter, given: Mapping[str, str]) -> list[FieldError]:
        name = one.name.lower() if one.place == "header" else one.name
        if name not in given:
            return [FieldError(one.name, "is required")] if one.required else []
        choices = self._schemas.choices(one.schema)
        found = [
            self._checks.mistakes(from_text(given[name], choice), choice, one.name)
            for choice in choices
        ]
        return [] if [] in found else found[0]

    def _of_body(self, media_type: str, body: bytes) -> list[FieldError]:
        schema = self._bodies.get(media_type)
        if schema is None:
            if _JSON in self._bodies:
                raise UnsupportedType(f"Send {' or '.join(self._bodies)}; this is {media_type!r}.")
            return []  # a file, judged by its content
        if media_type == _JSON:
            return self._checks.mistakes(_decoded(body), schema, "")
        return self._of_form(body, schema) if media_type == _FORM else []

    def _of_form(self, body: bytes, schema: Schema) -> list[FieldError]:
        members = self._schemas.resolved(schema).get("properties", {})
        values: dict[str, Any] = {
            name: from_text(text, self._schemas.resolved(members.get(name, {})))
            for name, text in parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        }
        return self._checks.mistakes(values, schema, "")


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except UNREADABLE as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from None
