"""What a request breaks of its schemas, told by field."""

from typing import Any

import pytest

from gateway.mock.checks import Checks, from_text
from gateway.mock.schemas import Schemas

THING = {
    "type": "object",
    "required": ["name", "owner"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4},
        "owner": {"$ref": "#/components/schemas/Owner"},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
        "note": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
    },
}
OWNER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string", "format": "uuid"}},
}
GOOD = {"name": "abc", "owner": {"id": "01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"}}


def told(value: Any, schema: Any = THING) -> dict[str, str]:
    checks = Checks(Schemas({"schemas": {"Owner": OWNER}}))
    return {one.field: one.message for one in checks.mistakes(value, schema, "")}


def test_a_good_value_has_no_mistakes() -> None:
    assert told(GOOD) == {}
    assert told({**GOOD, "note": None, "tags": ["a", "b"]}) == {}


def test_every_wrong_field_is_told_by_its_path() -> None:
    wrong = {"name": "a", "owner": {}, "tags": ["a", 1], "note": "long", "size": 1}
    assert told(wrong) == {
        "name": "must have 2 characters or more",
        "owner.id": "is required",
        "tags[1]": "must be of the type string",
        "note": "must have 3 characters or fewer",
        "size": "is not known here; known are: name, owner, tags, note",
    }


@pytest.mark.parametrize(
    ("value", "schema", "message"),
    [
        ([], {"type": "object"}, "must be of the type object"),
        (True, {"type": "integer"}, "must be of the type integer"),
        (1, {"type": ["string", "null"]}, "must be of the type string or null"),
        ("c", {"enum": ["a", "b"]}, "must be one of: a, b"),
        ("x", {"type": "string", "format": "uuid"}, "must be a UUID"),
        ("x", {"type": "string", "pattern": "^a"}, "must match ^a"),
        (0, {"type": "integer", "minimum": 1}, "must be 1 or more"),
        (9, {"type": "number", "exclusiveMaximum": 9}, "must be less than 9"),
        ([1], {"type": "array", "minItems": 2}, "must have 2 items or more"),
    ],
)
def test_a_mistake_says_what_would_be_right(value: Any, schema: Any, message: str) -> None:
    assert told(value, schema) == {"": message}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12", "integer", 12),
        ("1.5", "number", 1.5),
        ("true", "boolean", True),
        ("many", "integer", "many"),
        ("maybe", "boolean", "maybe"),
        ("12", "string", "12"),
    ],
)
def test_a_text_means_what_its_schema_expects(text: str, kind: str, value: Any) -> None:
    assert from_text(text, {"type": kind}) == value
