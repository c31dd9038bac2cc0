"""The scopes of API keys: every one is of use, and none is asked for that nobody can give."""

import pytest

from auth_service.accounts.permissions import SCOPES_OF_ROLE
from auth_service.api_keys.domain import grantable
from deploy.reference.composed import Process
from tests.contract.test_openapi import METHODS, Document

ACCOUNT_ALONE = ("/api/auth/", "/api/users/exports", "/api/users/deletion", "/api/social")


@pytest.fixture(scope="session")
async def merged(processes: dict[str, Process]) -> Document:
    return await processes["gateway"].openapi()


def scopes_by_operation(document: Document) -> dict[str, list[str]]:
    """The scopes that a key needs, by operation that takes one."""
    return {
        f"{method.upper()} {path}": one["apiKey"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
        for one in operation.get("security", [])
        if "apiKey" in one
    }


def test_the_scopes_that_are_needed_are_those_that_can_be_given(merged: Document) -> None:
    needed = {scope for scopes in scopes_by_operation(merged).values() for scope in scopes}
    assert needed == set(grantable(SCOPES_OF_ROLE))


def test_reading_and_changing_are_told_apart(merged: Document) -> None:
    for name, scopes in scopes_by_operation(merged).items():
        reads = name.startswith("GET ") or name.endswith("/estimate")
        kind = {scope.rpartition(":")[2] for scope in scopes}
        assert kind == ({"read"} if reads else {"write"}), name


def test_the_account_itself_is_closed_to_keys(merged: Document) -> None:
    open_to_keys = [name.partition(" ")[2] for name in scopes_by_operation(merged)]
    found = {path for path in open_to_keys if path.startswith(ACCOUNT_ALONE)}
    assert found == {"/api/auth/me"}


def test_what_a_key_needs_is_said_in_words(merged: Document) -> None:
    for name, scopes in scopes_by_operation(merged).items():
        method, _, path = name.partition(" ")
        described = merged["paths"][path][method.lower()]["description"]
        assert [scope for scope in scopes if scope not in described] == [], name


def test_every_call_that_takes_a_token_says_whether_it_takes_a_key(merged: Document) -> None:
    taking_keys = scopes_by_operation(merged)
    for path, operations in merged["paths"].items():
        for method, operation in operations.items():
            if "401" not in operation["responses"] or not operation.get("security"):
                continue
            codes = operation["responses"].get("403", {}).get("content", {})
            told = str(codes)
            name = f"{method.upper()} {path}"
            assert ("scope_missing" in told) == (name in taking_keys), name
