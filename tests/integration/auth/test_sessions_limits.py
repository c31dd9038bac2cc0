"""How long sessions last, and what happens when several use a refresh token at once."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from auth_service.sessions.repository import Sessions
from tests.integration.auth.conftest import Auth, bearer
from tests.integration.auth.test_sessions import session_of

DAY = 86_400


async def token_expiries(auth: Auth, tokens: dict[str, Any]) -> list[Any]:
    rows = await auth.database.all(
        text("SELECT expires_at FROM refresh_tokens WHERE session_id = :session ORDER BY 1"),
        {"session": session_of(tokens)},
    )
    return [row.expires_at for row in rows]


async def test_a_session_ends_at_its_longest_age_however_much_it_is_used(auth: Auth) -> None:
    tokens = await auth.session()
    for _ in range(3):
        auth.clock.advance(29 * DAY)
        tokens = (await auth.refresh(tokens["refresh_token"])).json()
    auth.clock.advance(3 * DAY - 1)
    tokens = (await auth.refresh(tokens["refresh_token"])).json()
    auth.clock.advance(1)
    response = await auth.refresh(tokens["refresh_token"])
    assert response.status_code == 401
    assert response.json()["code"] == "session_expired"


async def test_an_unused_session_has_an_error_of_its_own(auth: Auth) -> None:
    tokens = await auth.session()
    auth.clock.advance(30 * DAY - 1)
    tokens = (await auth.refresh(tokens["refresh_token"])).json()
    auth.clock.advance(30 * DAY)
    response = await auth.refresh(tokens["refresh_token"])
    assert response.status_code == 401
    assert response.json()["code"] == "refresh_token_expired"
    assert "not used" in response.json()["title"]


async def test_no_refresh_token_outlives_its_session(auth: Auth) -> None:
    tokens = await auth.session()
    end = auth.clock.now() + timedelta(days=90)
    for _ in range(3):
        auth.clock.advance(25 * DAY)
        old, tokens = tokens, (await auth.refresh(tokens["refresh_token"])).json()
    assert (await token_expiries(auth, tokens))[-1] == end
    await auth.refresh(old["refresh_token"])  # within the grace: the other way to a new token
    assert (await token_expiries(auth, tokens))[-2:] == [end, end]


async def test_a_suspended_account_is_not_refreshed(auth: Auth) -> None:
    tokens = await auth.session()
    suspend = text("UPDATE users SET suspended_at = now() WHERE id = :user")
    await auth.database.run(suspend, {"user": tokens["user"]["id"]})
    response = await auth.refresh(tokens["refresh_token"])
    assert response.status_code == 403
    assert response.json()["code"] == "account_suspended"


# ---- at once


async def test_the_first_use_takes_one_statement_and_the_others_lock(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[bytes] = []
    original = Sessions.lock_token

    async def watched(self: Sessions, token_hash: bytes) -> Any:
        locked.append(token_hash)
        return await original(self, token_hash)

    monkeypatch.setattr(Sessions, "lock_token", watched)
    tokens = await auth.session()
    assert (await auth.refresh(tokens["refresh_token"])).status_code == 200
    assert locked == []
    assert (await auth.refresh(tokens["refresh_token"])).status_code == 200
    assert len(locked) == 1


async def test_a_token_that_many_use_at_once_is_marked_once(auth: Auth) -> None:
    tokens = await auth.session()
    answers = await asyncio.gather(*(auth.refresh(tokens["refresh_token"]) for _ in range(8)))
    assert [one.status_code for one in answers] == [200] * 8
    assert len({one.json()["refresh_token"] for one in answers}) == 8
    rows = await auth.database.all(
        text("SELECT used_at FROM refresh_tokens WHERE session_id = :session"),
        {"session": session_of(tokens)},
    )
    assert sorted(row.used_at is None for row in rows) == [False] + [True] * 8


async def test_after_a_log_out_no_refresh_under_way_leaves_a_usable_token(auth: Auth) -> None:
    for _ in range(25):
        tokens = (await auth.http.post("/api/auth/guest")).json()
        headers = bearer(tokens["access_token"])
        answers = await asyncio.gather(
            auth.refresh(tokens["refresh_token"]),
            auth.http.post("/api/auth/logout", headers=headers),
            auth.refresh(tokens["refresh_token"]),
        )
        assert answers[1].status_code == 200
        for answer in (answers[0], answers[2]):
            if answer.status_code == 200:  # before the log-out, whose session it is all the same
                fresh = answer.json()
                assert (await auth.me(fresh["access_token"])).status_code == 401
                assert (await auth.refresh(fresh["refresh_token"])).status_code == 401
            else:
                assert answer.json()["code"] == "session_revoked"


async def test_reuses_at_once_end_the_family_once(auth: Auth) -> None:
    tokens = await auth.session()
    fresh = (await auth.refresh(tokens["refresh_token"])).json()
    auth.clock.advance(11)
    answers = await asyncio.gather(
        *(auth.refresh(tokens["refresh_token"]) for _ in range(3)),
        auth.refresh(fresh["refresh_token"]),
    )
    codes = sorted(one.json().get("code", "refreshed") for one in answers[:3])
    assert codes == ["refresh_token_reused", "session_revoked", "session_revoked"]
    if answers[3].status_code == 200:
        last = answers[3].json()
        assert (await auth.refresh(last["refresh_token"])).json()["code"] == "session_revoked"
    assert len(await auth.announced("auth.session.revoked", session_of(tokens))) == 1


async def test_the_owner_of_a_stolen_session_is_told_and_it_is_noted(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.refresh(tokens["refresh_token"])
    auth.clock.advance(11)
    await auth.http.post(
        "/api/auth/refresh",
        json={"refresh_token": tokens["refresh_token"]},
        headers={"x-forwarded-for": "203.0.113.66"},
    )
    user = {"user": tokens["user"]["id"]}
    (noted,) = await auth.database.all(
        text(
            "SELECT address, details FROM audit WHERE subject_id = :user"
            " AND action = 'session.refresh_token_reused'"
        ),
        user,
    )
    assert noted.address == "203.0.113.66"
    details = noted.details
    if isinstance(details, str):
        details = msgspec.json.decode(details)
    assert details == {"session": session_of(tokens)}
    letters = await auth.database.all(
        text("SELECT template FROM mails WHERE user_id = :user ORDER BY id"), user
    )
    assert [one.template for one in letters][-1:] == ["sessions_stolen"]


async def test_a_guest_whose_session_is_stolen_has_nowhere_to_be_written_to(auth: Auth) -> None:
    tokens = (await auth.http.post("/api/auth/guest")).json()
    await auth.refresh(tokens["refresh_token"])
    auth.clock.advance(11)
    answer = await auth.refresh(tokens["refresh_token"])
    assert answer.json()["code"] == "refresh_token_reused"
    written = text("SELECT 1 FROM mails WHERE user_id = :user")
    assert await auth.database.all(written, {"user": tokens["user"]["id"]}) == []
