"""Deletion at the wish of its owner: the grace period, its end, and what is refused."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from auth_service.audit.domain import Action
from auth_service.privacy.repository import Departures
from auth_service.privacy.use_cases import EraseDue, EraseUser
from auth_service.sessions.use_cases import EndSessions
from shared.security.principal import UserId
from tests.integration.auth.conftest import Auth, bearer

DAY = 24 * 3600


@pytest.fixture
def erase_due(auth: Auth) -> EraseDue:
    """What the component does, when the test says so."""
    return EraseDue(auth.database, EraseUser(EndSessions(auth.clock), auth.clock), auth.clock)


async def actions(auth: Auth) -> list[str]:
    rows = await auth.database.all(text("SELECT action FROM audit ORDER BY id"))
    return [row.action for row in rows]


async def exists(auth: Auth, user: dict[str, str]) -> bool:
    statement = text("SELECT 1 FROM users WHERE id = :id")
    return await auth.database.one(statement, {"id": UUID(user["id"])}) is not None


async def test_an_account_is_erased_when_the_grace_period_is_over(
    auth: Auth, erase_due: EraseDue
) -> None:
    user = await auth.register()
    session = await auth.log_in(user["email"])
    answer = await auth.http.post(
        "/api/users/deletion",
        json={"user_handle": user["user_handle"]},
        headers=bearer(session["access_token"]),
    )
    assert answer.status_code == 202
    due = auth.clock.now() + timedelta(days=14)
    assert answer.json() == {"deletion_due_at": due.isoformat().replace("+00:00", "Z")}
    assert (await auth.me(session["access_token"])).json()["deletion_due_at"] is not None
    letters = await auth.database.all(text("SELECT template FROM mails ORDER BY id"))
    assert letters[-1].template == "deletion_asked"
    auth.clock.advance(14 * DAY - 1)
    assert await erase_due() == 0
    auth.clock.advance(1)
    assert await erase_due() == 1
    assert not await exists(auth, user)
    assert (await actions(auth))[-2:] == [Action.DELETION_ASKED, Action.ERASED]


async def test_other_sessions_end_and_the_present_one_stays(auth: Auth) -> None:
    user = await auth.register()
    present, other = [await auth.log_in(user["email"]) for _ in range(2)]
    await auth.http.post("/api/users/deletion", headers=bearer(present["access_token"]))
    assert (await auth.me(present["access_token"])).status_code == 200
    refused = await auth.me(other["access_token"])
    assert refused.json()["code"] == "session_revoked"


async def test_who_logs_in_can_take_the_deletion_back(auth: Auth, erase_due: EraseDue) -> None:
    user = await auth.register()
    session = await auth.log_in(user["email"])
    await auth.http.post("/api/users/deletion", headers=bearer(session["access_token"]))
    auth.clock.advance(13 * DAY)
    again = bearer((await auth.log_in(user["email"]))["access_token"])
    answer = await auth.http.delete("/api/users/deletion", headers=again)
    assert (answer.status_code, answer.json()) == (200, {"deletion_due_at": None})
    auth.clock.advance(30 * DAY)
    assert await erase_due() == 0
    assert await exists(auth, user)
    assert Action.DELETION_CANCELLED in await actions(auth)


async def test_there_is_nothing_to_take_back_where_nothing_was_asked(auth: Auth) -> None:
    session = await auth.session()
    answer = await auth.http.delete("/api/users/deletion", headers=bearer(session["access_token"]))
    assert (answer.status_code, answer.json()["code"]) == (409, "deletion_not_asked")


async def test_asking_twice_does_not_put_it_off(auth: Auth) -> None:
    session = await auth.session()
    headers = bearer(session["access_token"])
    first = await auth.http.post("/api/users/deletion", headers=headers)
    auth.clock.advance(60)
    assert (await auth.http.post("/api/users/deletion", headers=headers)).json() == first.json()
    assert (await actions(auth)).count(Action.DELETION_ASKED) == 1


async def test_a_wrong_handle_is_told_and_deletes_nothing(auth: Auth) -> None:
    session = await auth.session()
    headers = bearer(session["access_token"])
    answer = await auth.http.post(
        "/api/users/deletion", json={"user_handle": "somebody-else"}, headers=headers
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "user_handle"
    assert (await auth.me(session["access_token"])).json()["deletion_due_at"] is None


async def test_an_old_session_has_to_prove_itself_first(auth: Auth) -> None:
    session = await auth.session()
    auth.clock.advance(11 * 60)
    answer = await auth.http.post("/api/users/deletion", headers=bearer(session["access_token"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")


async def test_a_guest_has_nothing_to_prove_themselves_with(auth: Auth) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    auth.clock.advance(11 * 60)
    answer = await auth.http.post("/api/users/deletion", headers=bearer(guest["access_token"]))
    assert answer.status_code == 202


async def test_several_processes_erase_everybody_once(auth: Auth, erase_due: EraseDue) -> None:
    users = [await auth.register() for _ in range(6)]
    await auth.database.run(
        text("UPDATE users SET deletion_due_at = :now"), {"now": auth.clock.now()}
    )
    counts = await asyncio.gather(*(erase_due() for _ in range(3)))
    assert sum(counts) == 6
    for user in users:
        assert len(await auth.announced("auth.user.deleted", user["id"])) == 1


async def test_one_who_cannot_be_erased_does_not_hold_up_the_others(auth: Auth) -> None:
    stuck, free = await auth.register(), await auth.register()
    now = auth.clock.now()
    for user, due in ((stuck, now - timedelta(days=1)), (free, now)):
        async with auth.database.transaction() as tx:
            await Departures(tx).ask(UserId(UUID(user["id"])), due)
    erase_user = EraseUser(EndSessions(auth.clock), auth.clock)
    await auth.database.run(
        text(
            "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'stays'; END $$"
        )
    )
    try:
        await auth.database.run(
            text(
                "CREATE TRIGGER stays BEFORE DELETE ON users FOR EACH ROW"
                f" WHEN (OLD.id = '{stuck['id']}') EXECUTE FUNCTION stay()"
            )
        )
        assert await EraseDue(auth.database, erase_user, auth.clock)() == 1
        assert (await exists(auth, stuck), await exists(auth, free)) == (True, False)
    finally:
        await auth.database.run(text("DROP FUNCTION stay() CASCADE"))
