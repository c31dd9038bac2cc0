"""The page on ASVS 5.0 names every requirement once, and only tests that exist."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accounts" / "asvs.md"
OPENAPI = ROOT / "gateway" / "openapi.json"

SECTIONS = {
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333",
    "6.6": "2223", "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "9.1": "111", "9.2": "1222",
}  # fmt: skip
"""The level of each requirement of a section of ASVS 5.0.0, in its order."""
UNWANTED = re.compile(r"hint|question|phone|mobile|sms|maiden", re.IGNORECASE)
VERDICTS = ("met", "in part", "not met", "does not apply")


class Row(NamedTuple):
    """One requirement on the page."""

    id: str
    level: str
    asked: str
    verdict: str
    why: str
    proof: str

    @property
    def tests(self) -> list[str]:
        return re.findall(r"`([^`]+::[^`]+)`", self.proof)


def rows() -> list[Row]:
    found = re.findall(
        r"^\| (\d+\.\d+\.\d+) \| (\d) \| (.+?) \| \*\*(.+?)\*\*(.*?) \| (.*?) ?\|$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return [Row(*one) for one in found]


ROWS = rows()
TESTS = sorted({test for row in ROWS for test in row.tests})


def required() -> Iterator[tuple[str, str]]:
    for section, levels in SECTIONS.items():
        for number, level in enumerate(levels, start=1):
            yield f"{section}.{number}", level


def test_every_requirement_is_there_once_with_its_level() -> None:
    assert [(row.id, row.level) for row in ROWS] == list(required())


def test_no_requirement_is_written_in_a_way_that_is_not_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"^\| \d", text, re.MULTILINE)) == len(ROWS)
    assert sorted(re.findall(r"`([^`]+::[^`]+)`", text)) == sorted(
        test for row in ROWS for test in row.tests
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_verdict_is_proven_or_explained(row: Row) -> None:
    assert row.verdict in VERDICTS
    if row.verdict in ("met", "in part"):
        assert row.tests
    if row.verdict != "met":
        assert row.why.startswith(": ")


def test_the_figures_at_the_top_are_those_of_the_tables() -> None:
    counted = Counter((row.verdict, row.level) for row in ROWS)
    told = dict(
        re.findall(r"^\| ([a-z ]+) \| (\d+ \| \d+ \| \d+ \| \d+) \|$",
                   PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )  # fmt: skip
    for verdict in VERDICTS:
        each = [counted[verdict, level] for level in "123"]
        assert told[verdict] == " | ".join(map(str, [*each, sum(each)]))


@cache
def functions_of(path: str) -> set[str]:
    """The test functions at the top of a file, where pytest looks for them."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


@pytest.mark.parametrize("test", TESTS)
def test_a_test_that_is_named_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert name.startswith("test_")
    assert name in functions_of(path)


# ---- what is proven by what the API asks for


def asked_for(schema: object, document: dict[str, Any], seen: frozenset[str]) -> Iterator[str]:
    """The names of all members that a body of this schema may have."""
    if isinstance(schema, list):
        for one in schema:
            yield from asked_for(one, document, seen)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            yield from asked_for(document["components"]["schemas"][name], document, seen | {name})
        yield from schema.get("properties", {})
        for one in schema.values():
            yield from asked_for(one, document, seen)


def bodies(begins: str) -> dict[str, set[str]]:
    """What each call under a path asks for."""
    document = json.loads(OPENAPI.read_text(encoding="utf-8"))
    return {
        f"{method.upper()} {path}": set(asked_for(call["requestBody"], document, frozenset()))
        for path, calls in document["paths"].items()
        if path.startswith(begins)
        for method, call in calls.items()
        if "requestBody" in call
    }


def test_no_call_asks_for_hints_questions_or_telephones() -> None:
    asked = bodies("/api/")
    assert "password" in asked["POST /api/auth/register"]
    assert "password" in asked["POST /api/auth/login"]
    for call, names in asked.items():
        for name in names:
            assert not re.search(r"hint|question|phone|mobile|sms|maiden", name, re.IGNORECASE), (
                call
            )


def test_no_administrator_chooses_a_password() -> None:
    asked = bodies("/api/admin/")
    assert asked["PUT /api/admin/users/{user_id}/roles"] == {"roles"}
    for call, names in asked.items():
        assert not [name for name in names if "password" in name or "secret" in name], call
