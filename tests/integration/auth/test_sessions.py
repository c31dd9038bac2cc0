import asyncio
from typing import Any

import jwt
import msgspec
import pytest
from sqlalchemy import text

from auth_service.accounts import passwords as passwords_module
from auth_service.tokens.pruner import Pruner
from auth_service.tokens.revocations import revoked_lately
from shared.db.database import Database
from shared.messaging.event import decode
from shared.runtime.periodic import periodic
from tests.integration.auth.conftest import PASSWORD, Auth, bearer


def session_of(tokens: dict[str, Any]) -> str:
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    return str(claims["sid"])


# ---- logging in


async def test_a_form_logs_in_by_email_or_handle(auth: Auth) -> None:
    user = await auth.register()
    for login in (user["email"], user["user_handle"], user["email"].upper()):
        tokens = await auth.log_in(login)
        assert tokens["token_type"] == "bearer"
        assert tokens["expires_in"] == 900
        assert tokens["user"]["id"] == user["id"]
        assert (await auth.me(tokens["access_token"])).status_code == 200


@pytest.mark.parametrize("name", ["email", "username"])
async def test_json_logs_in_too(auth: Auth, name: str) -> None:
    user = await auth.register()
    body = {name: user["email"], "password": PASSWORD}
    response = await auth.http.post("/api/auth/login", json=body)
    assert response.status_code == 200
    assert response.json()["user"]["id"] == user["id"]


async def test_a_multipart_form_logs_in_too(auth: Auth) -> None:
    user = await auth.register()
    fields = {"username": (None, user["email"]), "password": (None, PASSWORD)}
    response = await auth.http.post("/api/auth/login", files=fields)
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/api/users/login/", "/api/users/login", "/api/auth/login/"])
async def test_the_other_paths_log_in_without_a_redirect(auth: Auth, path: str) -> None:
    user = await auth.register()
    response = await auth.http.post(path, json={"email": user["email"], "password": PASSWORD})
    assert response.status_code == 200


async def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(auth: Auth) -> None:
    user = await auth.register()
    answers = []
    for login, password in ((user["email"], "Wrong7Horse"), ("nobody@example.com", PASSWORD)):
        form = {"username": login, "password": password}
        response = await auth.http.post("/api/auth/login", data=form)
        assert response.status_code == 401
        answers.append({**response.json(), "request_id": ""})
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "wrong_credentials"


@pytest.mark.parametrize("login", ["nobody\0", "\0@example.com", "' OR 1=1 --", "토큰" * 50])
async def test_strange_names_are_nobodys(auth: Auth, login: str) -> None:
    response = await auth.http.post("/api/auth/login", json={"username": login, "password": "x"})
    assert response.status_code == 401


async def test_a_log_in_without_a_name_says_what_is_missing(auth: Auth) -> None:
    response = await auth.http.post("/api/auth/login", data={"password": PASSWORD})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "username"


UNREAD = b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        ("text/plain", b"username=mina", 415),
        ("application/json", b"{", 400),
        ("application/json", b'{"username": "\\ud800"}', 400),
        ("multipart/form-data", b"--x", 400),
        ("multipart/form-data; boundary=x", b"--y\r\nrubbish", 400),
        ("multipart/form-data; boundary=x; charset=undefined", UNREAD, 400),
        ("application/x-www-form-urlencoded", b"=&&%%%&password", 422),
        ("application/x-www-form-urlencoded", b"username=" + b"a" * 20_000, 413),
        ("application/json", b'{"username": "mina", "password": "' + b"a" * 2000 + b'"}', 422),
    ],
)
async def test_an_unreadable_log_in_says_why(
    auth: Auth, media_type: str, body: bytes, status: int
) -> None:
    headers = {"content-type": media_type}
    response = await auth.http.post("/api/auth/login", content=body, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_too_many_at_once_are_told_to_try_again(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords_module.Passwords, "_run", _full)
    form = {"username": "mina", "password": PASSWORD}
    response = await auth.http.post("/api/auth/login", data=form)
    assert response.status_code == 503
    assert response.json()["code"] == "too_busy"


async def _full(*_: object) -> None:
    raise passwords_module.TooBusy


# ---- refreshing


async def test_a_refresh_gives_a_new_pair_of_the_same_session(auth: Auth) -> None:
    tokens = await auth.session()
    response = await auth.refresh(tokens["refresh_token"])
    assert response.status_code == 200
    fresh = response.json()
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert session_of(fresh) == session_of(tokens)
    assert fresh["user"] == tokens["user"]
    assert (await auth.me(fresh["access_token"])).status_code == 200


async def test_a_refresh_token_is_stored_as_a_hash_alone(auth: Auth) -> None:
    tokens = await auth.session()
    assert len(tokens["refresh_token"]) == 43  # 256 bits of base64url
    rows = await auth.database.all(
        text("SELECT * FROM refresh_tokens WHERE session_id = :session"),
        {"session": session_of(tokens)},
    )
    assert len(rows) == 1
    assert len(rows[0].hash) == 32
    assert tokens["refresh_token"].encode() not in rows[0].hash


async def test_a_second_use_of_a_refresh_token_revokes_the_family(auth: Auth) -> None:
    stolen = await auth.session()
    fresh = (await auth.refresh(stolen["refresh_token"])).json()
    auth.clock.advance(11)
    again = await auth.refresh(stolen["refresh_token"])
    assert again.status_code == 401
    assert again.json()["code"] == "refresh_token_reused"
    of_the_owner = await auth.refresh(fresh["refresh_token"])
    assert of_the_owner.status_code == 401
    assert of_the_owner.json()["code"] == "session_revoked"
    assert (await auth.me(fresh["access_token"])).json()["code"] == "session_revoked"
    assert len(await auth.announced("auth.session.revoked", session_of(stolen))) == 1


async def test_three_tabs_at_once_all_stay_logged_in(auth: Auth) -> None:
    tokens = await auth.session()
    responses = await asyncio.gather(*(auth.refresh(tokens["refresh_token"]) for _ in range(3)))
    assert [one.status_code for one in responses] == [200] * 3
    auth.clock.advance(60)
    for one in responses:
        assert (await auth.refresh(one.json()["refresh_token"])).status_code == 200


async def test_the_grace_counts_from_the_first_use(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.refresh(tokens["refresh_token"])
    auth.clock.advance(9)
    assert (await auth.refresh(tokens["refresh_token"])).status_code == 200
    auth.clock.advance(9)
    assert (await auth.refresh(tokens["refresh_token"])).status_code == 401


async def test_another_session_of_the_same_user_survives_a_theft(auth: Auth) -> None:
    user = await auth.register()
    phone, laptop = await auth.log_in(user["email"]), await auth.log_in(user["email"])
    await auth.refresh(phone["refresh_token"])
    auth.clock.advance(11)
    await auth.refresh(phone["refresh_token"])
    assert (await auth.refresh(laptop["refresh_token"])).status_code == 200
    assert (await auth.me(laptop["access_token"])).status_code == 200


async def test_an_unused_session_ends_after_30_days(auth: Auth) -> None:
    tokens = await auth.session()
    auth.clock.advance(30 * 86_400)
    response = await auth.refresh(tokens["refresh_token"])
    assert response.status_code == 401
    assert response.json()["code"] == "refresh_token_expired"


@pytest.mark.parametrize("token", ["", "invented", "토큰"])
async def test_an_invented_refresh_token_is_401(auth: Auth, token: str) -> None:
    response = await auth.refresh(token)
    assert response.status_code == 401
    assert response.json()["code"] == "refresh_token_invalid"


async def test_an_access_token_is_no_refresh_token(auth: Auth) -> None:
    tokens = await auth.session()
    assert (await auth.refresh(tokens["access_token"])).status_code == 422  # too long to be one


# ---- logging out


async def test_a_logged_out_access_token_is_refused_at_once(auth: Auth) -> None:
    tokens = await auth.session()
    headers = bearer(tokens["access_token"])
    assert (await auth.me(tokens["access_token"])).status_code == 200
    response = await auth.http.post("/api/auth/logout", headers=headers)
    assert response.status_code == 200
    assert response.json() == {"message": "Logged out"}
    refused = await auth.me(tokens["access_token"])
    assert refused.status_code == 401
    assert refused.json()["code"] == "session_revoked"
    assert (await auth.refresh(tokens["refresh_token"])).json()["code"] == "session_revoked"


async def test_a_log_out_is_announced_once_to_whoever_listens(auth: Auth) -> None:
    tokens = await auth.session()
    headers = bearer(tokens["access_token"])
    await asyncio.gather(*(auth.http.post("/api/auth/logout", headers=headers) for _ in range(3)))
    (envelope,) = await auth.announced("auth.session.revoked", session_of(tokens))
    told = decode(envelope.encode())
    assert told.must_be_heard is False
    data = msgspec.json.decode(told.data)
    assert data["session_id"] == session_of(tokens)
    assert data["user_id"] == tokens["user"]["id"]


async def test_a_log_out_ends_the_session_of_the_refresh_token_too(auth: Auth) -> None:
    user = await auth.register()
    one, other = await auth.log_in(user["email"]), await auth.log_in(user["email"])
    await auth.http.post(
        "/api/auth/logout",
        headers=bearer(one["access_token"]),
        json={"refresh_token": other["refresh_token"]},
    )
    assert (await auth.me(one["access_token"])).status_code == 401
    assert (await auth.me(other["access_token"])).status_code == 401


async def test_nobody_can_log_somebody_else_out(auth: Auth) -> None:
    mine, theirs = await auth.session(), await auth.session()
    response = await auth.http.post(
        "/api/auth/logout",
        headers=bearer(mine["access_token"]),
        json={"refresh_token": theirs["refresh_token"]},
    )
    assert response.status_code == 200
    assert (await auth.me(theirs["access_token"])).status_code == 200
    assert (await auth.refresh(theirs["refresh_token"])).status_code == 200


async def test_a_log_out_needs_a_token(auth: Auth) -> None:
    assert (await auth.http.post("/api/auth/logout")).status_code == 401


# ---- pruning


async def rows_of(auth: Auth, tokens: dict[str, Any]) -> tuple[int, int]:
    session = {"session": session_of(tokens)}
    kept = await auth.database.all(text("SELECT 1 FROM sessions WHERE id = :session"), session)
    secrets = await auth.database.all(
        text("SELECT 1 FROM refresh_tokens WHERE session_id = :session"), session
    )
    return len(kept), len(secrets)


async def test_what_is_over_is_deleted_and_what_is_under_way_stays(auth: Auth) -> None:
    over = await auth.session()
    auth.clock.advance(29 * 86_400)
    alive = await auth.session()
    auth.clock.advance(2 * 86_400)
    await Pruner(auth.database, auth.clock).prune()
    assert await rows_of(auth, over) == (0, 0)
    assert await rows_of(auth, alive) == (1, 1)


async def test_a_revocation_outlives_its_session_while_access_tokens_may_be_about(
    auth: Auth,
) -> None:
    tokens = await auth.session()
    await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    await auth.database.run(text("DELETE FROM sessions"))
    pruner = Pruner(auth.database, auth.clock)
    await pruner.prune()
    (kept,) = await revoked_lately(auth.database, auth.clock.now())
    assert str(kept.session_id) == session_of(tokens)
    auth.clock.advance(3600)
    await pruner.prune()
    assert await auth.database.all(text("SELECT * FROM revocations")) == []


async def test_the_pruner_does_its_work_as_a_component(auth: Auth) -> None:
    tokens = await auth.session()
    auth.clock.advance(31 * 86_400)
    ready = asyncio.Event()
    (component,) = (one for one in auth.service.components if one.name == "pruner")
    task = asyncio.ensure_future(component.run(ready.set))
    try:
        async with asyncio.timeout(5):
            await ready.wait()
            while await rows_of(auth, tokens) != (0, 0):
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_pruner_outlives_an_absent_database(auth: Auth) -> None:
    nowhere = Database("postgresql+asyncpg://auth:x@127.0.0.1:1/x", schema="auth", source="auth")
    pruner = periodic("pruner", 0.01, Pruner(nowhere, auth.clock).prune)
    task = asyncio.ensure_future(pruner.run(lambda: None))
    done, _ = await asyncio.wait([task], timeout=0.2)
    assert not done
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await nowhere.close()
