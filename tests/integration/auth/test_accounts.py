import asyncio
from collections.abc import Callable
from uuid import uuid4

import msgspec
import pytest

from auth_service.accounts.domain import Account
from auth_service.accounts.repository import Accounts
from auth_service.tables import users
from shared.messaging.event import decode
from shared.security.principal import UserId
from tests.integration.auth.conftest import PASSWORD, Auth, bearer


def fields_of(problem: dict[str, object]) -> set[str]:
    errors = problem["errors"]
    assert isinstance(errors, list)
    return {error["field"] for error in errors}


async def test_registering_answers_with_the_user(auth: Auth) -> None:
    handle = f"Mina-{uuid4().hex[:8]}"
    wanted = {"email": f"{handle}@Example.com", "user_handle": handle, "password": PASSWORD}
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 201
    answer = response.json()
    assert answer["message"] == "User registered successfully"
    assert answer["user"]["email"] == wanted["email"]
    assert answer["user"]["user_handle"] == handle
    assert answer["user"]["roles"] == []
    assert "password" not in response.text


async def test_a_registration_is_announced_once_with_its_revision(auth: Auth) -> None:
    user = await auth.register()
    (envelope,) = await auth.announced("auth.user.registered", user["id"])
    told = decode(envelope.encode())
    assert told.must_be_heard is True
    data = msgspec.json.decode(told.data)
    assert data["user_id"] == user["id"]
    assert data["handle"] == user["user_handle"]
    assert data["revision"] == 1


async def test_the_same_email_in_other_letters_is_taken(auth: Auth) -> None:
    user = await auth.register()
    wanted = {"email": user["email"].upper(), "user_handle": uuid4().hex[:20], "password": PASSWORD}
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 409
    assert response.json()["code"] == "email_taken"
    assert fields_of(response.json()) == {"email"}


@pytest.mark.parametrize("change", [str.upper, lambda handle: handle.replace("m", "ｍ")])
async def test_a_handle_that_reads_the_same_is_taken(
    auth: Auth, change: Callable[[str], str]
) -> None:
    user = await auth.register()
    wanted = {
        "email": f"{uuid4().hex}@example.com",
        "user_handle": change(user["user_handle"]),
        "password": PASSWORD,
    }
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 409
    assert response.json()["code"] == "handle_taken"


async def test_both_are_named_when_both_are_taken(auth: Auth) -> None:
    user = await auth.register()
    again = {name: user[name] for name in ("email", "user_handle", "password")}
    response = await auth.http.post("/api/auth/register", json=again)
    assert response.status_code == 409
    assert fields_of(response.json()) == {"email", "user_handle"}


async def test_of_ten_simultaneous_registrations_one_wins(auth: Auth) -> None:
    unique = uuid4().hex[:12]
    wanted = {"email": f"{unique}@example.com", "user_handle": unique, "password": PASSWORD}
    responses = await asyncio.gather(
        *(auth.http.post("/api/auth/register", json=wanted) for _ in range(10))
    )
    assert sorted(one.status_code for one in responses) == [201] + [409] * 9


async def test_a_refused_registration_announces_nothing(auth: Auth) -> None:
    user = await auth.register()
    again = {name: user[name] for name in ("email", "user_handle", "password")}
    await auth.http.post("/api/auth/register", json=again)
    assert len(await auth.announced("auth.user.registered", user["id"])) == 1


async def test_every_wrong_field_and_every_broken_rule_is_named_at_once(auth: Auth) -> None:
    wanted = {"email": "mina", "user_handle": "m!", "password": "abc"}
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 422
    problem = response.json()
    assert problem["code"] == "invalid_input"
    assert fields_of(problem) == {"email", "user_handle", "password"}
    told = {one["message"] for one in problem["errors"] if one["field"] == "password"}
    assert told == {
        "must have at least 8 characters",
        "must contain an upper-case letter",
        "must contain a digit",
    }


async def test_missing_fields_are_named(auth: Auth) -> None:
    response = await auth.http.post("/api/auth/register", json={"email": 7})
    assert response.status_code == 422
    assert fields_of(response.json()) == {"email", "user_handle", "password"}


async def test_a_huge_body_is_refused(auth: Auth) -> None:
    wanted = {"email": "a" * 2_000_000, "user_handle": "mina", "password": PASSWORD}
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 413


async def test_a_password_is_stored_as_argon2id_with_the_owasp_parameters(auth: Auth) -> None:
    user = await auth.register()
    found = await Accounts(auth.database).find_with_hash(user["email"])
    assert found is not None
    account, hashed = found
    assert isinstance(account, Account)
    assert hashed is not None
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in hashed


async def test_me_is_the_caller(auth: Auth) -> None:
    user = await auth.register(user_handle=f"민아-{uuid4().hex[:8]}")
    tokens = await auth.log_in(user["user_handle"])
    response = await auth.me(tokens["access_token"])
    assert response.status_code == 200
    assert response.json() == tokens["user"]
    assert response.json()["user_handle"] == user["user_handle"]


async def test_me_of_a_deleted_account_is_401(auth: Auth) -> None:
    user = await auth.register()
    tokens = await auth.log_in(user["email"])
    await auth.database.run(users.delete().where(users.c.id == UserId(user["id"])))
    response = await auth.me(tokens["access_token"])
    assert response.status_code == 401
    assert response.json()["code"] == "account_gone"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-user-id": "01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"},
        {"x-user-id": "01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42", **bearer("invented")},
        {"authorization": "Basic bWluYTpDb3JyZWN0N0hvcnNl"},
    ],
)
async def test_nobody_is_believed_without_a_token(auth: Auth, headers: dict[str, str]) -> None:
    response = await auth.http.get("/api/auth/me", headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith("Bearer")
