"""What a request breaks of the schemas it is documented with.

A small part of JSON Schema, the one that the document uses; a keyword that is not known here
refuses nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from gateway.mock.schemas import Schema, Schemas
from shared.errors import FieldError

_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_BOUNDS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, bound: value >= bound, "must be {} or more"),
    "maximum": (lambda value, bound: value <= bound, "must be {} or less"),
    "exclusiveMinimum": (lambda value, bound: value > bound, "must be more than {}"),
    "exclusiveMaximum": (lambda value, bound: value < bound, "must be less than {}"),
    "multipleOf": (lambda value, bound: value % bound == 0, "must be a multiple of {}"),
    "minLength": (lambda value, bound: len(value) >= bound, "must have {} characters or more"),
    "maxLength": (lambda value, bound: len(value) <= bound, "must have {} characters or fewer"),
    "pattern": (lambda value, bound: re.search(bound, value) is not None, "must match {}"),
    "minItems": (lambda value, bound: len(value) >= bound, "must have {} items or more"),
    "maxItems": (lambda value, bound: len(value) <= bound, "must have {} items or fewer"),
}


class Checks:
    """Compares values with schemas."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def mistakes(self, value: Any, schema: Schema, field: str) -> list[FieldError]:
        """What is wrong with `value`, which is named `field`; of several choices, the first
        that could be meant."""
        choices = self._schemas.choices(schema)
        found = [list(self._of_one(value, one, field)) for one in choices]
        if [] in found:
            return []
        meant = [
            mistakes
            for mistakes, one in zip(found, choices, strict=True)
            if _is_of_kind(value, one)
        ]
        return (meant or found)[0]

    def _of_one(self, value: Any, schema: Schema, field: str) -> Iterator[FieldError]:
        if not _is_of_kind(value, schema):
            yield FieldError(field, f"must be of the type {_kind_of(schema)}")
        elif "enum" in schema and value not in schema["enum"]:
            wanted = ", ".join(str(one) for one in schema["enum"])
            yield FieldError(field, f"must be one of: {wanted}")
        elif schema.get("format") == "uuid" and isinstance(value, str) and not _is_uuid(value):
            yield FieldError(field, "must be a UUID")
        else:
            for name, (holds, message) in _BOUNDS.items():
                if name in schema and not holds(value, schema[name]):
                    yield FieldError(field, message.format(schema[name]))
            if isinstance(value, dict):
                yield from self._of_members(value, schema, field)
            elif isinstance(value, list) and "items" in schema:
                for index, item in enumerate(value):
                    yield from self.mistakes(item, schema["items"], f"{field}[{index}]")

    def _of_members(
        self, value: Mapping[str, Any], schema: Schema, field: str
    ) -> Iterator[FieldError]:
        prefix = f"{field}." if field else ""
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield FieldError(prefix + name, "is required")
        for name, member in value.items():
            if name in known:
                yield from self.mistakes(member, known[name], prefix + name)
            elif schema.get("additionalProperties") is False:
                yield FieldError(prefix + name, f"is not known here; known are: {', '.join(known)}")


def from_text(text: str, schema: Schema) -> Any:
    """What a path, a query or a form means by `text`, where a number or a choice is expected."""
    match schema.get("type"):
        case "integer" | "number":
            try:
                return int(text) if schema["type"] == "integer" else float(text)
            except ValueError:
                return text
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    return text


def _is_of_kind(value: Any, schema: Schema) -> bool:
    kinds = schema.get("type")
    if kinds is None:
        return True
    if isinstance(value, bool):
        return "boolean" in ([kinds] if isinstance(kinds, str) else kinds)
    return any(
        isinstance(value, _KINDS[kind]) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    )


def _kind_of(schema: Schema) -> str:
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
