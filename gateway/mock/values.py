"""Values for schemas without an example: the same for the same place in every process."""

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gateway.mock.checks import Checks
from gateway.mock.schemas import Schema, Schemas

_DEPTH = 6
"""Nested deeper than this, a value is as small as its schema allows; recursion must end."""
_START = datetime(2026, 1, 1, tzinfo=UTC)
_YEAR_SECONDS = 365 * 86400


class NoExample(Exception):  # noqa: N818 - reads as what it is
    """No value can be made for a schema: it needs an example of its own."""


class Values:
    """Makes values; `where` names their place, such as `GET /api/jobs 200.items`."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._checks = Checks(schemas)

    def of(self, schema: Schema, where: str, depth: int = 0) -> Any:
        """A value that satisfies `schema`; raises `NoExample`."""
        for candidate in self._candidates(schema, where, depth):
            if not self._checks.mistakes(candidate, schema, where):
                return candidate
        raise NoExample(f"{where}: give an example that satisfies {dict(schema)}")

    def _candidates(self, schema: Schema, where: str, depth: int) -> Iterator[Any]:
        choices = self._schemas.choices(schema)
        if depth > _DEPTH and {"type": "null"} in choices:
            yield None
        for one in choices:
            yield from (one[key] for key in ("example", "const", "default") if key in one)
            yield from one.get("examples") or one.get("enum") or ()
            kind = one.get("type", "object")
            match kind if isinstance(kind, str) else kind[0]:
                case "object":
                    yield self._object(one, where, depth)
                case "array":
                    yield self._array(one, where, depth)
                case "string":
                    yield from _texts(one, where)
                case "integer" | "number":
                    yield from _numbers(one)
                case "boolean":
                    yield _number_of(where) % 2 == 0
                case "null":
                    yield None

    def _object(self, schema: Schema, where: str, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        found = {
            name: self.of(member, f"{where}.{name}", depth + 1)
            for name, member in schema.get("properties", {}).items()
            if depth <= _DEPTH or name in required
        }
        others = schema.get("additionalProperties")
        if not found and isinstance(others, Mapping) and depth <= _DEPTH:
            return {"example": self.of(others, f"{where}.example", depth + 1)}
        return found

    def _array(self, schema: Schema, where: str, depth: int) -> list[Any]:
        usual = 0 if depth > _DEPTH else min(1, schema.get("maxItems", 1))
        count = max(usual, schema.get("minItems", 0))
        items = schema.get("items", {"type": "string"})
        return [self.of(items, f"{where}.{index}", depth + 1) for index in range(count)]


def _numbers(schema: Schema) -> Iterator[int | float]:
    yield from (1, 0)
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        if bound in schema:
            yield from (schema[bound], schema[bound] + 1, schema[bound] - 1)
    yield (schema.get("exclusiveMinimum", 0) + schema.get("exclusiveMaximum", 1)) / 2


def _texts(schema: Schema, where: str) -> Iterator[str]:
    number = _number_of(where)
    moment = _START + timedelta(seconds=number % _YEAR_SECONDS)
    formats = {
        "uuid": str(uuid5(NAMESPACE_URL, where)),
        "date-time": moment.isoformat().replace("+00:00", "Z"),
        "date": moment.date().isoformat(),
        "email": f"user{number % 1000}@example.com",
        "uri": f"https://example.com/{number}",
        "byte": "ZXhhbXBsZQ==",
    }
    if (text := formats.get(schema.get("format", ""))) is not None:
        yield text
        return
    least = schema.get("minLength", 0)
    for text in (where.rpartition(".")[2].replace("_", " "), "example", "A1b2", f"{number}"):
        yield text.ljust(least, "x")[: schema.get("maxLength", max(len(text), least))]


def _number_of(where: str) -> int:
    return zlib.crc32(where.encode())
