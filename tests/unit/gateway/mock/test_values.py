"""Values made for schemas that have no example."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from gateway.mock.schemas import Schemas
from gateway.mock.values import NoExample, Values

SCHEMAS = {
    "Tree": {
        "type": "object",
        "required": ["name", "children", "parent"],
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]},
        },
    }
}


def made(schema: dict[str, Any], where: str = "GET /api/things 200.thing") -> Any:
    return Values(Schemas({"schemas": SCHEMAS})).of(schema, where)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 2},
        {"type": "string", "minLength": 4, "maxLength": 4},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": "string", "pattern": "^[0-9]+$"},
        {"type": "string", "format": "uuid"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "email"},
        {"type": "string", "format": "uri"},
        {"type": "string", "format": "byte"},
        {"type": "string", "enum": ["b", "a"]},
        {"const": "captions"},
        {"type": "integer"},
        {"type": "integer", "minimum": 5},
        {"type": "integer", "minimum": -9, "maximum": -3},
        {"type": "integer", "exclusiveMinimum": 7},
        {"type": "integer", "multipleOf": 25, "minimum": 20, "maximum": 30},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
        {"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}}]},
        {"$ref": "#/components/schemas/Tree"},
    ],
    ids=str,
)
def test_a_value_satisfies_its_schema(schema: dict[str, Any]) -> None:
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    OAS31Validator(whole, format_checker=oas31_format_checker).validate(made(schema))


@pytest.mark.parametrize("key", ["example", "default", "const"])
def test_what_a_schema_says_itself_comes_first(key: str) -> None:
    assert made({"type": "string", key: "said"}) == "said"


def test_the_first_of_several_examples_is_taken() -> None:
    assert made({"type": "string", "examples": ["one", "two"]}) == "one"


def test_an_example_that_breaks_its_schema_is_passed_over() -> None:
    assert made({"type": "integer", "default": "many"}) == 1


def test_places_differ_and_each_stays_the_same() -> None:
    schema = {"type": "string", "format": "uuid"}
    assert made(schema, "a.id") == made(schema, "a.id")
    assert made(schema, "a.id") != made(schema, "b.id")


def test_what_cannot_be_made_asks_for_an_example() -> None:
    with pytest.raises(NoExample, match=r"200\.code: give an example.*A\{3\}"):
        made({"type": "string", "pattern": "^A{3}$"}, "GET /x 200.code")
