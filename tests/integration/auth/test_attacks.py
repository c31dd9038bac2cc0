"""Attacks on accounts over HTTP; those on tokens are in tests/unit/security and test_tokens.py."""

import base64
import json
import warnings
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from sqlalchemy import text

from auth_service.accounts.passwords import Passwords
from tests.integration.auth.conftest import PASSWORD, Auth, bearer, service_bearer
from tests.integration.auth.test_passwords import by_bcrypt, has_hash, letters_to

WRONG = "Wrong7Horse"
_TRIES = 15


def without_ids(response: httpx.Response) -> tuple[int, dict[str, Any]]:
    return response.status_code, {**response.json(), "request_id": "", "instance": ""}


async def try_password(auth: Auth, login: str, password: str = WRONG) -> httpx.Response:
    form = {"username": login, "password": password}
    return await auth.http.post("/api/auth/login", data=form)


# ---- who has an account?


@pytest.mark.parametrize("kind", ["argon2", "no password", "bcrypt"])
async def test_the_time_of_a_refusal_does_not_tell_who_has_an_account(
    auth: Auth, kind: str
) -> None:
    users = [await auth.register() for _ in range(_TRIES)]
    for user in users:
        if kind != "argon2":
            await has_hash(auth, user, by_bcrypt(cost=10) if kind == "bcrypt" else None)
    await try_password(auth, users[0]["email"])  # a process learns once what old hashes take

    async def seconds(login: str) -> float:
        began = perf_counter()
        assert (await try_password(auth, login)).status_code == 401
        return perf_counter() - began

    known, unknown = [], []
    for user in users:
        known.append(await seconds(user["email"]))
        unknown.append(await seconds(f"nobody-{uuid4().hex}@example.com"))
    # a hash left out, or one of another kind, shows as half of the time and more
    assert abs(median(known) - median(unknown)) < 0.25 * median(unknown)


async def test_the_answer_to_a_refusal_does_not_tell_who_has_an_account(auth: Auth) -> None:
    users = [await auth.register() for _ in range(3)]
    await has_hash(auth, users[1], None)
    await has_hash(auth, users[2], by_bcrypt())
    logins = [user["email"] for user in users] + ["nobody@example.com", "nobody", "\u202enobody"]
    answers = [await try_password(auth, login) for login in logins]
    assert all(without_ids(one) == without_ids(answers[0]) for one in answers)
    headers = [sorted(set(one.headers) - {"date", "x-request-id"}) for one in answers]
    assert all(one == headers[0] for one in headers)


async def test_a_registration_works_as_long_for_a_taken_address(auth: Auth) -> None:
    """That it is taken is told by the 409, which is the contract; see the docs."""
    user = await auth.register()
    hashed = []
    real = Passwords.hash

    async def counted(self: Passwords, password: str) -> str:
        hashed.append(password)
        return await real(self, password)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Passwords, "hash", counted)
        for email in (user["email"], f"new-{uuid4().hex[:8]}@example.com"):
            wanted = {"email": email, "user_handle": f"h{uuid4().hex[:8]}", "password": PASSWORD}
            await auth.http.post("/api/auth/register", json=wanted)
    assert len(hashed) == 2


# ---- what nobody may choose


FORBIDDEN = {
    "id": str(uuid4()), "roles": ["admin"], "role": "admin", "scopes": ["admin:users:write"],
    "guest": True, "email_verified": True, "email_verified_at": "2026-01-01T00:00:00Z",
    "is_admin": True, "password_hash": "x", "suspended": True, "revision": 99,
    "created_at": "2001-01-01T00:00:00Z", "credits": 1_000_000,
}  # fmt: skip


async def stored(auth: Auth, email: str) -> dict[str, Any]:
    row = await auth.database.one(
        text("SELECT * FROM users WHERE email_key = :email"), {"email": email}
    )
    assert row is not None
    return dict(row._mapping)


async def test_a_registration_gives_nothing_but_what_it_is_for(auth: Auth) -> None:
    email = f"greedy-{uuid4().hex[:8]}@example.com"
    wanted = {"email": email, "user_handle": f"g{uuid4().hex[:8]}", "password": PASSWORD}
    response = await auth.http.post("/api/auth/register", json=FORBIDDEN | wanted)
    assert response.status_code == 201
    row = await stored(auth, email)
    assert row["id"] != UUID(str(FORBIDDEN["id"]))
    assert (row["roles"], row["guest"], row["email_verified_at"]) == ([], False, None)
    assert row["password_hash"].startswith("$argon2id$")
    assert row["created_at"] == auth.clock.now()
    tokens = await auth.log_in(email)
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["roles"], claims["scopes"], claims["guest"]) == ([], [], False)


@pytest.mark.parametrize("path", ["/api/users/profile", "/api/auth/password"])
async def test_what_changes_an_account_changes_nothing_else(auth: Auth, path: str) -> None:
    user = await auth.register()
    tokens = await auth.log_in(user["email"])
    before = await stored(auth, user["email"])
    asked = {"display_name": "Mina"} if "profile" in path else {"new_password": "Better8Battery"}
    method = "PATCH" if "profile" in path else "POST"
    response = await auth.http.request(
        method,
        path,
        json=FORBIDDEN | asked | {"current_password": PASSWORD, "user_id": str(uuid4())},
        headers=bearer(tokens["access_token"]),
    )
    assert response.status_code in (200, 204, 422)
    after = await stored(auth, user["email"])
    own = {"display_name", "password_hash", "revision"}
    assert {name for name in after if after[name] != before[name]} <= own
    assert after["revision"] in (1, 2)


# ---- too much


async def test_a_huge_password_is_refused_before_it_is_hashed(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await auth.session()
    monkeypatch.setattr(Passwords, "_run", _must_not_run)
    huge, header = "Aa1" + "x" * 1_000_000, bearer(tokens["access_token"])
    email = f"huge-{uuid4().hex[:8]}@example.com"
    calls = {
        "/api/auth/login": {"username": tokens["user"]["email"], "password": huge},
        "/api/auth/register": {"email": email, "user_handle": "huge", "password": huge},
        "/api/auth/password": {"current_password": huge, "new_password": PASSWORD + "8"},
    }
    for path, body in calls.items():
        began = perf_counter()
        response = await auth.http.post(path, json=body, headers=header)
        assert response.status_code in (413, 422), path
        assert perf_counter() - began < 1
        assert len(response.content) < 2000, "the answer repeats what was sent"


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/users/profile"])
async def test_characters_that_are_slow_to_compose_stop_nobody(auth: Auth, path: str) -> None:
    slow = "a" + "\u0300" * 60_000 + "\u0316" * 60_000  # minutes, by the square of the length
    user = await auth.register()
    token = (await auth.log_in(user["email"]))["access_token"]
    if path.endswith("register"):
        body = {"email": "slow@example.com", "password": PASSWORD, "user_handle": slow}
        answer = await auth.http.post(path, json=body)
    else:
        body = {"display_name": slow, "bio": slow, "user_handle": slow}
        answer = await auth.http.patch(path, json=body, headers=bearer(token))
    assert answer.status_code == 422
    assert answer.elapsed.total_seconds() < 5


@pytest.mark.parametrize("length", [5_000, 100_000])
async def test_a_huge_token_is_refused(auth: Auth, length: int) -> None:
    response = await auth.me("a" * length)
    assert response.status_code == 401
    assert len(response.content) < 1000


# ---- strange characters


@pytest.mark.parametrize("field", ["email", "user_handle", "password"])
@pytest.mark.parametrize("sent", ["\\u0000", "\\ud800", "\\udfff\\ud800", "a\\u0000b"])
async def test_null_bytes_and_half_characters_never_break_a_registration(
    auth: Auth, field: str, sent: str
) -> None:
    good = {
        "email": f"strange-{uuid4().hex[:8]}@example.com",
        "user_handle": f"s{uuid4().hex[:8]}",
        "password": PASSWORD,
    }
    body = json.dumps(good).replace(good[field], good[field] + sent)
    headers = {"content-type": "application/json"}
    response = await auth.http.post("/api/auth/register", content=body, headers=headers)
    allowed = (201,) if field == "password" and "\\ud" not in sent else (400, 422)
    assert response.status_code in allowed, response.text


@pytest.mark.parametrize("form", [
    b"username=%00&password=%00", b"username=%ff%fe&password=%ff",
    b"username=mina&password=%ed%a0%80",
    b"username=%F0%9F%98&password=x", b"username=mina%0d%0aSet-Cookie:x&password=x",
])  # fmt: skip
async def test_null_bytes_and_broken_utf8_never_break_a_log_in(auth: Auth, form: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await auth.http.post("/api/auth/login", content=form, headers=headers)
    assert response.status_code in (400, 401, 422), response.text
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("address", ["", "rubbish", "' OR 1=1 --", "\u00ff", "1.2.3.4, 5.6.7.8",
                                     "2001:db8::1%eth0", "x" * 4000])  # fmt: skip
async def test_a_strange_address_never_breaks_a_log_in(auth: Auth, address: str) -> None:
    user = await auth.register()
    response = await auth.http.post(
        "/api/auth/login",
        data={"username": user["email"], "password": PASSWORD},
        headers={b"x-forwarded-for": address.encode("latin-1")},
    )
    assert response.status_code == 200


# ---- lookalikes

LOOKALIKES = ("mi\u043da", "\u217fina", "m\u0131na", "ｍina", "mina\u200b", "m\u00efna")


@pytest.mark.parametrize("local", LOOKALIKES)
async def test_an_address_that_looks_like_another_is_refused(auth: Auth, local: str) -> None:
    wanted = {
        "email": f"{local}@example.com",
        "user_handle": f"l{uuid4().hex[:8]}",
        "password": PASSWORD,
    }
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["email"]


async def test_a_link_goes_to_the_address_of_the_account_not_to_a_lookalike(auth: Auth) -> None:
    """The Kelvin sign becomes a k in small letters: the mail must not go to whoever owns that."""
    name = f"kim-{uuid4().hex[:8]}"
    await auth.register(email=f"{name}@example.com")
    typed = f"{name}@example.com".replace("k", "\u212a")
    await auth.http.post("/api/auth/password/forgot", json={"email": typed})
    assert await letters_to(auth, typed) == []


# ---- tokens, with the real keys


async def test_the_published_key_signs_nothing_by_another_algorithm(auth: Auth) -> None:
    tokens = await auth.session()
    key = (await auth.http.get("/.well-known/jwks.json")).json()["keys"][0]
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    secrets = {"raw": base64.urlsafe_b64decode(key["x"] + "=="), "as text": key["x"].encode()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, secret in secrets.items():
            for algorithm in ("HS256", "HS384", "HS512"):
                forged = jwt.encode(claims, secret, algorithm, headers={"kid": key["kid"]})
                response = await auth.me(forged)
                assert response.json()["code"] == "token_invalid", (name, algorithm)


async def test_a_kid_is_never_part_of_a_query_a_path_or_a_request(auth: Auth) -> None:
    tokens = await auth.session()
    _, payload, signature = tokens["access_token"].split(".")
    for kid in ("../../etc/passwd", "' OR '1'='1", "http://127.0.0.1:1/x", "\0", "x" * 3000, ""):
        header = {"alg": "EdDSA", "typ": "JWT", "kid": kid, "jku": "http://127.0.0.1:1/jwks"}
        encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        response = await auth.me(f"{encoded}.{payload}.{signature}")
        assert response.json()["code"] == "token_invalid", kid


async def test_no_kind_of_token_is_good_for_another(auth: Auth) -> None:
    tokens = await auth.session()
    service = service_bearer(auth.clock)["authorization"].removeprefix("Bearer ")
    for token in (service, tokens["refresh_token"]):
        assert (await auth.me(token)).status_code == 401
    for token in (tokens["access_token"], service):
        assert (await auth.refresh(token)).status_code in (401, 422)
    internal = await auth.http.get("/internal/revocations", headers=bearer(tokens["access_token"]))
    assert internal.status_code == 401


async def _must_not_run(*_: object) -> None:
    raise AssertionError("it was hashed")
