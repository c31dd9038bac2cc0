"""Erasing a person: what goes, what stays of nobody, and how a half-done removal is finished."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from auth_service.privacy.use_cases import EraseUser
from auth_service.sessions.use_cases import EndSessions
from shared.security.principal import UserId
from tests.integration.auth.conftest import Auth
from tests.support.traces import traces


@pytest.fixture
def erase(auth: Auth) -> EraseUser:
    """The use case as other features call it."""
    return EraseUser(EndSessions(auth.clock), auth.clock)


async def erased(auth: Auth, erase: EraseUser, user: dict[str, str]) -> None:
    """Erase a user in a transaction of its own."""
    async with auth.database.transaction() as tx:
        assert await erase(tx, UserId(UUID(user["id"])))


async def test_nothing_is_left_of_the_erased_and_everything_of_the_others(
    auth: Auth, erase: EraseUser
) -> None:
    mina, jun = await auth.register(), await auth.register()
    for user in (mina, jun):
        await auth.log_in(user["email"])
    before = await traces(auth.database, jun["id"], jun["user_handle"], jun["email"])
    await erased(auth, erase, mina)
    left = await traces(auth.database, mina["id"], mina["user_handle"], mina["email"])
    assert left.keys() <= {"outbox"}  # from which the relay takes it
    assert await traces(auth.database, jun["id"], jun["user_handle"], jun["email"]) == before
    assert len(await auth.announced("auth.user.deleted", mina["id"])) == 1


async def test_the_audit_log_tells_the_same_of_nobody(auth: Auth, erase: EraseUser) -> None:
    mina = await auth.register()
    await auth.log_in(mina["email"])
    await erased(auth, erase, mina)
    rows = await auth.database.all(text("SELECT * FROM audit ORDER BY id"))
    assert [row.action for row in rows] == [
        "account.registered",
        "session.started",
        "account.erased",
    ]
    assert len({row.subject_id for row in rows}) == 1
    assert {row.actor_id for row in rows} == {rows[0].subject_id}
    assert {(row.address, row.user_agent) for row in rows} == {("", "")}
    assert str(rows[0].subject_id) != mina["id"]


async def test_an_erasure_opens_the_audit_log_to_nothing_else(auth: Auth, erase: EraseUser) -> None:
    mina = await auth.register()

    async def erase_and_tamper() -> None:
        async with auth.database.transaction() as tx:
            assert await erase(tx, UserId(UUID(mina["id"])))
            await tx.run(text("UPDATE audit SET address = ''"))

    with pytest.raises(DBAPIError, match="append-only"):
        await erase_and_tamper()
    await auth.log_in(mina["email"])  # the erasure went with its transaction


async def test_tokens_of_the_erased_are_refused_at_once(auth: Auth, erase: EraseUser) -> None:
    mina = await auth.register()
    session = await auth.log_in(mina["email"])
    assert (await auth.me(session["access_token"])).status_code == 200
    async with auth.database.transaction() as tx:
        await erase(tx, UserId(UUID(mina["id"])))
    answer = await auth.refresh(session["refresh_token"])
    assert answer.json()["code"] == "refresh_token_invalid"
    form = {"username": mina["email"], "password": mina["password"]}
    answer = await auth.http.post("/api/auth/login", data=form)
    assert answer.json()["code"] == "wrong_credentials"
    revoked = await auth.database.all(text("SELECT session_id FROM revocations"))
    assert len(revoked) == 1


async def test_address_and_handle_of_the_erased_are_free_again(
    auth: Auth, erase: EraseUser
) -> None:
    mina = await auth.register()
    await erased(auth, erase, mina)
    again = await auth.register(email=mina["email"], user_handle=mina["user_handle"])
    assert again["id"] != mina["id"]


async def test_erasing_somebody_unknown_does_nothing(auth: Auth, erase: EraseUser) -> None:
    async with auth.database.transaction() as tx:
        assert not await erase(tx, UserId(uuid4()))
        assert not tx.announced


async def test_nobody_is_told_to_erase_what_has_an_heir(auth: Auth, erase: EraseUser) -> None:
    guest = await auth.register()
    async with auth.database.transaction() as tx:
        assert await erase(tx, UserId(UUID(guest["id"])), inherited=True)
    assert await auth.announced("auth.user.deleted", guest["id"]) == []
