"""Typed input: every mistake is reported at once, by field, with what would be right."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest

from shared.errors import FieldError, Invalid, Malformed
from shared.http.decoding import convert_string, convert_strings, decode_json


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=1)]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=3)]
    count: int
    inner: Inner
    tags: list[str] = []


def mistakes(body: bytes) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        decode_json(body, Outer)
    return {one.field: one.message for one in caught.value.errors}


def test_right_input_becomes_the_type() -> None:
    found = decode_json(b'{"name": "abc", "count": 1, "inner": {"size": 2}}', Outer)
    assert found == Outer("abc", 1, Inner(2))


def test_every_wrong_field_is_named_at_once() -> None:
    found = mistakes(b'{"name": "a", "count": "x", "inner": {"size": 0}, "more": 1, "tags": [1]}')
    assert set(found) == {"name", "count", "inner.size", "tags[0]", "more"}
    assert "length >= 3" in found["name"]
    assert found["count"] == "must be a whole number, not a text"
    assert "known are: name, count, inner, tags" in found["more"]


def test_missing_fields_are_required() -> None:
    assert mistakes(b"{}") == dict.fromkeys(("name", "count", "inner"), "is required")


def test_a_body_that_is_no_object_says_so() -> None:
    assert mistakes(b"[1]") == {"body": "must be a JSON object"}


@pytest.mark.parametrize("body", [b" ", b"{", b"{'a': 1}", b"\xff\xfe", b'{"name": "\xff"}'])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="not valid JSON"):
        decode_json(body, Outer)


def test_an_empty_body_says_so() -> None:
    with pytest.raises(Malformed, match="The body is empty; send JSON"):
        decode_json(b"", Outer)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": 1, oops',
        b'{"name": 1, "count": "\xff"}',
        b'{"name": 1, "count": "\\ud800"}',
        b'{"name": 1e400}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": ' + b"[" * 100_000,
    ],
    ids=["text", "utf-8", "surrogate", "exponent", "digits", "depth", "depth in a field"],
)
def test_what_turns_out_to_be_no_json_after_a_wrong_field_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="not valid JSON"):
        decode_json(body, Outer)


class Query(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


def test_query_strings_are_converted() -> None:
    assert convert_strings({"limit": "5"}, Query) == Query(5)


@pytest.mark.parametrize("limit", ["0", "101", "five", ""])
def test_a_wrong_query_names_its_parameter(limit: str) -> None:
    with pytest.raises(Invalid) as caught:
        convert_strings({"limit": limit}, Query)
    assert [one.field for one in caught.value.errors] == ["limit"]


def test_a_wrong_value_is_shown() -> None:
    with pytest.raises(Invalid) as caught:
        convert_string("seven", int, "count")
    assert caught.value.errors == (FieldError("count", "must be a whole number; it is 'seven'"),)


class Wish(msgspec.Struct):
    shown: Annotated[Literal["inline", "attachment"], msgspec.Meta(description="How.")] = "inline"
    sides: list[Literal[1, 2]] = []


@pytest.mark.parametrize("body", [b'{"shown": "frame"}', b'{"shown": 7}'])
def test_of_a_choice_it_is_told_what_there_is_to_choose_from(body: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(body, Wish)
    (error,) = caught.value.errors
    value = msgspec.json.decode(body)["shown"]
    assert error == FieldError("shown", f"must be 'attachment' or 'inline'; it is {value!r}")


def test_a_wrong_choice_within_a_list_is_named_by_its_place() -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(b'{"sides": [1, 3]}', Wish)
    assert [one.field for one in caught.value.errors] == ["sides[1]"]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Painted(msgspec.Struct):
    colour: Colour
    edge: Colour | None = None


def test_what_an_enumeration_holds_is_told() -> None:
    with pytest.raises(Invalid) as caught:
        convert_strings({"colour": "green", "edge": "none"}, Painted)
    assert caught.value.errors == (
        FieldError("colour", "must be 'red' or 'blue'; it is 'green'"),
        FieldError("edge", "must be 'red' or 'blue'; it is 'none'"),
    )
    with pytest.raises(Invalid) as caught:
        convert_string("green", Colour, "colour")
    assert caught.value.errors == (FieldError("colour", "must be 'red' or 'blue'; it is 'green'"),)
