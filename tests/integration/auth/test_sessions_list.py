"""Where somebody is logged in, and logging out elsewhere."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.sql.compiler import SQLCompiler

from auth_service.sessions.repository import _UNDER_WAY_AFTER
from shared.ids import uuid7
from tests.integration.auth.conftest import PASSWORD, Auth, bearer
from tests.integration.auth.test_sessions import session_of

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def log_in_from(
    auth: Auth, email: str, address: str, agent: bytes = FIREFOX.encode()
) -> dict[str, Any]:
    response = await auth.http.post(
        "/api/auth/login",
        json={"email": email, "password": PASSWORD},
        headers=[(b"x-forwarded-for", address.encode()), (b"user-agent", agent)],
    )
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


async def sessions_of(auth: Auth, tokens: dict[str, Any], **query: Any) -> dict[str, Any]:
    response = await auth.http.get(
        "/api/auth/sessions", headers=bearer(tokens["access_token"]), params=query
    )
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def ended(auth: Auth, tokens: dict[str, Any]) -> bool:
    """Whether neither token of the session is good for anything."""
    me = await auth.me(tokens["access_token"])
    refreshed = await auth.refresh(tokens["refresh_token"])
    assert (me.status_code == 401) == (refreshed.status_code == 401)
    return me.status_code == 401


async def actions_of(auth: Auth, user: str) -> list[str]:
    rows = await auth.database.all(
        text("SELECT action FROM audit WHERE subject_id = :user ORDER BY id"), {"user": user}
    )
    return [row.action for row in rows]


async def test_a_session_says_where_when_and_on_what_it_is(auth: Auth) -> None:
    user = await auth.register()
    phone = await log_in_from(auth, user["email"], "203.0.113.7", b"okhttp/4.9 (\x85evil)")
    began = auth.clock.now()
    auth.clock.advance(60)
    laptop = await log_in_from(auth, user["email"], "198.51.100.3")
    newest, oldest = (await sessions_of(auth, laptop))["items"]
    assert newest["id"] == session_of(laptop)
    assert newest["current"] is True
    assert newest["device"] == "Firefox, Windows"
    assert newest["user_agent"] == FIREFOX
    assert newest["address"] == "198.51.100.3"
    assert newest["methods"] == ["pwd"]
    assert oldest["id"] == session_of(phone)
    assert oldest["current"] is False
    assert oldest["device"] == ""
    assert oldest["user_agent"] == "okhttp/4.9 (evil)"
    assert datetime.fromisoformat(oldest["created_at"]) == began
    assert datetime.fromisoformat(oldest["last_seen_at"]) == began
    assert datetime.fromisoformat(oldest["expires_at"]) == began + timedelta(days=30)


async def test_a_refresh_is_seen_in_the_list(auth: Auth) -> None:
    tokens = await auth.session()
    auth.clock.advance(86_400)
    response = await auth.http.post(
        "/api/auth/refresh",
        json={"refresh_token": tokens["refresh_token"]},
        headers={"x-forwarded-for": "192.0.2.9"},
    )
    (session,) = (await sessions_of(auth, response.json()))["items"]
    assert session["address"] == "192.0.2.9"
    assert datetime.fromisoformat(session["last_seen_at"]) == auth.clock.now()
    expires = datetime.fromisoformat(session["expires_at"])
    assert expires == auth.clock.now() + timedelta(days=30)


async def test_a_session_near_its_longest_age_is_told_to_end_then(auth: Auth) -> None:
    tokens = await auth.session()
    end = auth.clock.now() + timedelta(days=90)
    for _ in range(3):
        auth.clock.advance(25 * 86_400)
        tokens = (await auth.refresh(tokens["refresh_token"])).json()
    (session,) = (await sessions_of(auth, tokens))["items"]
    assert datetime.fromisoformat(session["expires_at"]) == end


async def test_what_is_over_is_not_listed(auth: Auth) -> None:
    user = await auth.register()
    await auth.log_in(user["email"])  # unused for 30 days from now on
    logged_out = await auth.log_in(user["email"])
    headers = bearer(logged_out["access_token"])
    await auth.http.post("/api/auth/logout", headers=headers)
    auth.clock.advance(30 * 86_400)
    tokens = await auth.log_in(user["email"])
    (left,) = (await sessions_of(auth, tokens))["items"]
    assert left["id"] == session_of(tokens)


async def test_the_list_comes_in_pages(auth: Auth) -> None:
    user = await auth.register()
    all_tokens = [await auth.log_in(user["email"]) for _ in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await sessions_of(auth, all_tokens[0], **query)
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [session_of(tokens) for tokens in reversed(all_tokens)]


async def test_an_invented_cursor_is_named(auth: Auth) -> None:
    headers = bearer((await auth.session())["access_token"])
    response = await auth.http.get("/api/auth/sessions?cursor=x", headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "cursor"


async def test_the_list_is_served_by_an_index(auth: Auth) -> None:
    crowd = text(
        "INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen_at,"
        " authenticated_at, methods, address, user_agent) SELECT gen_random_uuid(), :user, now(),"
        " now() + interval '1 day', now(), now(), '{}', '', '' FROM generate_series(1, 3000)"
    )
    asked = _UNDER_WAY_AFTER.compile(dialect=auth.database.engine.dialect)
    assert isinstance(asked, SQLCompiler)
    now = auth.clock.now()
    params = {"owner": uuid7(), "last": uuid7(), "now": now, "idle_since": now, "count": 21}
    values = tuple(params[name] for name in asked.positiontup or ())
    user = await auth.register()
    async with auth.database.engine.connect() as connection:  # which rolls back
        await connection.execute(crowd, {"user": user["id"]})
        await connection.execute(text("ANALYZE sessions"))
        plan = await connection.exec_driver_sql(f"EXPLAIN {asked.string}", values)
        told = "\n".join(row[0] for row in plan)
    assert "sessions_user" in told
    assert "Sort" not in told


async def test_an_account_may_have_any_number_of_sessions(auth: Auth) -> None:
    user = await auth.register()
    sessions = [await auth.log_in(user["email"]) for _ in range(40)]
    headers = bearer(sessions[0]["access_token"])
    page = (await auth.http.get("/api/auth/sessions?limit=100", headers=headers)).json()
    assert len(page["items"]) == 40
    assert (await auth.refresh(sessions[0]["refresh_token"])).status_code == 200


async def test_one_device_can_be_logged_out_from_another(auth: Auth) -> None:
    user = await auth.register()
    phone, laptop = await auth.log_in(user["email"]), await auth.log_in(user["email"])
    response = await auth.http.delete(
        f"/api/auth/sessions/{session_of(phone)}", headers=bearer(laptop["access_token"])
    )
    assert response.status_code == 204
    assert await ended(auth, phone)
    assert not await ended(auth, laptop)
    assert len(await auth.announced("auth.session.revoked", session_of(phone))) == 1
    assert (await actions_of(auth, user["id"]))[-1] == "session.ended"


async def test_another_users_session_is_not_found(auth: Auth) -> None:
    mine, theirs = await auth.session(), await auth.session()
    headers = bearer(mine["access_token"])
    foreign, unknown = [
        await auth.http.delete(f"/api/auth/sessions/{one}", headers=headers)
        for one in (session_of(theirs), uuid4())
    ]
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["code"] == unknown.json()["code"] == "session_not_found"
    assert not await ended(auth, theirs)


async def test_a_session_ends_once(auth: Auth) -> None:
    user = await auth.register()
    phone, laptop = await auth.log_in(user["email"]), await auth.log_in(user["email"])
    url, headers = f"/api/auth/sessions/{session_of(phone)}", bearer(laptop["access_token"])
    assert (await auth.http.delete(url, headers=headers)).status_code == 204
    assert (await auth.http.delete(url, headers=headers)).status_code == 404


async def test_an_id_that_is_none_is_named(auth: Auth) -> None:
    headers = bearer((await auth.session())["access_token"])
    response = await auth.http.delete("/api/auth/sessions/mine", headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "session_id"


async def test_all_others_can_be_logged_out_at_once(auth: Auth) -> None:
    user = await auth.register()
    mine, *others = [await auth.log_in(user["email"]) for _ in range(4)]
    stranger = await auth.session()
    headers = bearer(mine["access_token"])
    response = await auth.http.delete("/api/auth/sessions", headers=headers)
    assert response.status_code == 200
    assert response.json() == {"ended": 3}
    assert [await ended(auth, one) for one in others] == [True] * 3
    assert not await ended(auth, stranger)
    assert not await ended(auth, mine)
    assert (await actions_of(auth, user["id"]))[-1] == "session.all_ended"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("DELETE", "/x")])
async def test_sessions_are_for_their_user_alone(auth: Auth, method: str, path: str) -> None:
    response = await auth.http.request(method, f"/api/auth/sessions{path}")
    assert response.status_code == 401


async def test_a_log_out_is_noted(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    assert (await actions_of(auth, tokens["user"]["id"]))[-1] == "session.ended"
