"""Coming in without an account."""

import asyncio
from datetime import timedelta
from typing import Any

import jwt
from sqlalchemy import text

from auth_service.guests.use_cases import EraseGuests
from auth_service.privacy.use_cases import EraseUser
from auth_service.sessions.use_cases import EndSessions
from tests.integration.auth.conftest import Auth, bearer

DAY = 86_400


async def come_in(auth: Auth) -> dict[str, Any]:
    """A new guest: the answer of the service."""
    response = await auth.http.post("/api/auth/guest")
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_guest_needs_neither_name_nor_password(auth: Auth) -> None:
    guest = await come_in(auth)
    assert guest["user"]["guest"] is True
    assert guest["user"]["email"] is None
    assert guest["user"]["user_handle"].startswith("guest-")
    assert (await auth.me(guest["access_token"])).json() == guest["user"]


async def test_the_access_token_says_that_its_owner_is_a_guest(auth: Auth) -> None:
    guest = await come_in(auth)
    renewed = (await auth.refresh(guest["refresh_token"])).json()
    for tokens in (guest, renewed):
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        assert claims["guest"] is True


async def test_a_new_guest_is_announced(auth: Auth) -> None:
    guest = await come_in(auth)
    assert len(await auth.announced("auth.guest.created", guest["user"]["id"])) == 1


# ---- guests who stay away


def eraser(auth: Auth, days: float = 30) -> EraseGuests:
    return EraseGuests(
        auth.database,
        EraseUser(EndSessions(auth.clock), auth.clock),
        timedelta(days=days),
        auth.clock,
    )


async def test_a_guest_who_stays_away_is_erased(auth: Auth) -> None:
    guest = await come_in(auth)
    auth.clock.advance(31 * DAY)
    assert await eraser(auth)() == 1
    assert len(await auth.announced("auth.user.deleted", guest["user"]["id"])) == 1
    assert (await auth.refresh(guest["refresh_token"])).json()["code"] == "refresh_token_invalid"
    assert await eraser(auth)() == 0


async def test_a_guest_who_comes_again_stays(auth: Auth) -> None:
    guest = await come_in(auth)
    auth.clock.advance(20 * DAY)
    guest = (await auth.refresh(guest["refresh_token"])).json()
    auth.clock.advance(20 * DAY)
    assert await eraser(auth)() == 0
    assert (await auth.refresh(guest["refresh_token"])).status_code == 200


async def test_a_guest_with_a_session_stays_however_long_they_are_away(auth: Auth) -> None:
    await come_in(auth)
    auth.clock.advance(5 * DAY)
    assert await eraser(auth, days=1)() == 0


async def test_a_guest_who_logged_out_is_erased_in_time(auth: Auth) -> None:
    guest = await come_in(auth)
    await auth.http.post("/api/auth/logout", headers=bearer(guest["access_token"]))
    auth.clock.advance(29 * DAY)
    assert await eraser(auth)() == 0
    auth.clock.advance(2 * DAY)
    assert await eraser(auth)() == 1


async def test_users_are_not_erased_for_staying_away(auth: Auth) -> None:
    user = await auth.session()
    auth.clock.advance(400 * DAY)
    assert await eraser(auth)() == 0
    row = await auth.database.one(
        text("SELECT 1 FROM users WHERE id = :id"), {"id": user["user"]["id"]}
    )
    assert row is not None


async def test_several_processes_erase_each_guest_once(auth: Auth) -> None:
    guests = [await come_in(auth) for _ in range(5)]
    auth.clock.advance(31 * DAY)
    erased = await asyncio.gather(*(eraser(auth)() for _ in range(3)))
    assert sum(erased) == 5
    for guest in guests:
        assert len(await auth.announced("auth.user.deleted", guest["user"]["id"])) == 1
