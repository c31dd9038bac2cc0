"""Guests who turn out to be users: by registering, and by logging in."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from sqlalchemy import text

from auth_service.sessions.delivery import COOKIE
from shared.messaging.event import decode
from tests.integration.auth.conftest import PASSWORD, Auth, StartAuth, bearer
from tests.integration.auth.members import Member
from tests.integration.auth.social import Visitor, entry, settings
from tests.integration.auth.test_guests import come_in
from tests.support.local_provider import local_provider
from tests.support.messaging import count

OWN = {"origin": "http://auth"}


def wishes(guest_refresh_token: str | None = None) -> dict[str, str]:
    """What somebody asks for who registers."""
    unique = uuid4().hex[:12]
    wanted = {
        "email": f"gast-{unique}@example.com",
        "user_handle": f"gast-{unique}",
        "password": PASSWORD,
    }
    return wanted | ({"guest_refresh_token": guest_refresh_token} if guest_refresh_token else {})


async def register(auth: Auth, wanted: dict[str, str]) -> httpx.Response:
    return await auth.http.post("/api/auth/register", json=wanted)


async def log_in(auth: Auth, login: str, guest_refresh_token: str) -> httpx.Response:
    body = {
        "username": login,
        "password": PASSWORD,
        "guest_refresh_token": guest_refresh_token,
    }
    return await auth.http.post("/api/auth/login", json=body)


async def upgrades(auth: Auth, guest: dict[str, Any]) -> list[dict[str, Any]]:
    """What was announced of who the guest is."""
    found = await auth.announced("auth.guest.upgraded", guest["user"]["id"])
    return [msgspec.json.decode(decode(one.encode()).data) for one in found]


def refused_field(response: httpx.Response) -> str:
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert error["message"].startswith("must be the newest refresh token of a guest")
    return str(error["field"])


# ---- registering


async def test_who_registers_stays_who_they_are(auth: Auth) -> None:
    guest = await come_in(auth)
    response = await register(auth, wanted := wishes(guest["refresh_token"]))
    assert response.status_code == 201
    assert response.json()["message"] == "User registered successfully"
    user = response.json()["user"]
    assert user["id"] == guest["user"]["id"]
    assert (user["email"], user["user_handle"]) == (wanted["email"], wanted["user_handle"])
    assert user["guest"] is False
    tokens = await auth.log_in(wanted["email"])
    assert tokens["user"] == user
    assert (await auth.me(tokens["access_token"])).json() == user


async def test_registering_announces_the_user_and_who_they_were(auth: Auth) -> None:
    guest = await come_in(auth)
    await register(auth, wanted := wishes(guest["refresh_token"]))
    (upgrade,) = await upgrades(auth, guest)
    assert upgrade["guest_id"] == upgrade["user_id"] == guest["user"]["id"]
    (registered,) = await auth.announced("auth.user.registered", guest["user"]["id"])
    told = msgspec.json.decode(decode(registered.encode()).data)
    assert (told["handle"], told["revision"]) == (wanted["user_handle"], 2)


async def test_the_guests_tokens_are_of_no_use_any_more(auth: Auth) -> None:
    guest = await come_in(auth)
    await register(auth, wishes(guest["refresh_token"]))
    assert (await auth.me(guest["access_token"])).status_code == 401
    assert (await auth.refresh(guest["refresh_token"])).json()["code"] == "session_revoked"


async def test_of_many_registrations_of_one_guest_one_succeeds(auth: Auth) -> None:
    guest = await come_in(auth)
    answers = await asyncio.gather(
        *(register(auth, wishes(guest["refresh_token"])) for _ in range(3))
    )
    assert sorted(one.status_code for one in answers) == [201, 422, 422]
    assert len(await upgrades(auth, guest)) == 1


@pytest.mark.parametrize("kind", ["made up", "of a user", "used up", "logged out", "expired"])
async def test_a_token_that_is_no_guests_makes_nothing(auth: Auth, kind: str) -> None:
    guest = await come_in(auth)
    token = guest["refresh_token"]
    match kind:
        case "made up":
            token = "x" * 43
        case "of a user":
            token = (await auth.session())["refresh_token"]
        case "used up":
            await auth.refresh(token)
            auth.clock.advance(11)
        case "logged out":
            await auth.http.post("/api/auth/logout", headers=bearer(guest["access_token"]))
        case _:
            auth.clock.advance(31 * 86_400)
    before = await count(auth.database, "users")
    assert refused_field(await register(auth, wishes(token))) == "guest_refresh_token"
    assert await count(auth.database, "users") == before
    assert await upgrades(auth, guest) == []


async def test_the_newest_token_is_taken(auth: Auth) -> None:
    guest = await come_in(auth)
    renewed = (await auth.refresh(guest["refresh_token"])).json()
    response = await register(auth, wishes(renewed["refresh_token"]))
    assert response.json()["user"]["id"] == guest["user"]["id"]


@pytest.mark.parametrize(
    ("name", "code"), [("email", "email_taken"), ("user_handle", "handle_taken")]
)
async def test_what_is_taken_leaves_the_guest_a_guest(auth: Auth, name: str, code: str) -> None:
    other, guest = await auth.register(), await come_in(auth)
    response = await register(auth, wishes(guest["refresh_token"]) | {name: other[name]})
    assert (response.status_code, response.json()["code"]) == (409, code)
    assert [error["field"] for error in response.json()["errors"]] == [name]
    assert (await auth.me(guest["access_token"])).json()["guest"] is True
    assert await upgrades(auth, guest) == []


async def test_two_guests_who_want_the_same_address_at_once(auth: Auth) -> None:
    guests, wanted = [await come_in(auth) for _ in range(2)], wishes()
    answers = await asyncio.gather(
        *(
            register(auth, wanted | {"guest_refresh_token": guest["refresh_token"]})
            for guest in guests
        )
    )
    assert sorted(one.status_code for one in answers) == [201, 409]


async def test_a_cookie_names_the_guest_as_well(auth: Auth) -> None:
    response = await auth.http.post(
        "/api/auth/guest", json={"refresh_token_in": "cookie"}, headers=OWN
    )
    assert "refresh_token" not in response.json()
    token = response.cookies[COOKIE]
    auth.http.cookies.clear()
    body = wishes() | {"guest_refresh_token_in": "cookie"}
    headers = {"cookie": f"{COOKIE}={token}"}
    foreign = headers | {"origin": "https://evil.example"}
    refused = await auth.http.post("/api/auth/register", json=body, headers=foreign)
    assert refused.status_code == 403
    registered = await auth.http.post("/api/auth/register", json=body, headers=headers | OWN)
    assert registered.json()["user"]["id"] == response.json()["user"]["id"]


async def test_a_cookie_that_is_not_there_is_told(auth: Auth) -> None:
    response = await register(auth, wishes() | {"guest_refresh_token_in": "cookie"})
    assert refused_field(response) == "guest_refresh_token_in"


# ---- logging in


async def is_there(auth: Auth, guest: dict[str, Any]) -> bool:
    row = await auth.database.one(
        text("SELECT 1 FROM users WHERE id = :id"), {"id": guest["user"]["id"]}
    )
    return row is not None


@pytest.mark.parametrize("as_form", [True, False])
async def test_a_log_in_adopts_the_guest(auth: Auth, as_form: bool) -> None:
    guest, user = await come_in(auth), await auth.register()
    body = {
        "username": user["email"],
        "password": PASSWORD,
        "guest_refresh_token": guest["refresh_token"],
    }
    response = await auth.http.post("/api/auth/login", **{"data" if as_form else "json": body})  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    assert response.json()["user"]["id"] == user["id"]
    (upgrade,) = await upgrades(auth, guest)
    assert (upgrade["guest_id"], upgrade["user_id"]) == (guest["user"]["id"], user["id"])
    assert not await is_there(auth, guest)
    assert (await auth.me(guest["access_token"])).status_code == 401
    assert await auth.announced("auth.user.deleted", guest["user"]["id"]) == []


async def test_a_wrong_password_adopts_nobody(auth: Auth) -> None:
    guest, user = await come_in(auth), await auth.register()
    body = {
        "username": user["email"],
        "password": "Wrong7Horse",
        "guest_refresh_token": guest["refresh_token"],
    }
    assert (await auth.http.post("/api/auth/login", json=body)).status_code == 401
    assert (await auth.me(guest["access_token"])).status_code == 200


async def test_nobody_is_logged_in_with_a_token_that_is_no_guests(auth: Auth) -> None:
    user, other = await auth.register(), await auth.session()
    before = await count(auth.database, "sessions")
    response = await log_in(auth, user["email"], other["refresh_token"])
    assert refused_field(response) == "guest_refresh_token"
    assert await count(auth.database, "sessions") == before
    assert (await auth.me(other["access_token"])).status_code == 200


async def test_who_has_just_registered_may_name_the_guest_once_more(auth: Auth) -> None:
    guest = await come_in(auth)
    await register(auth, wanted := wishes(guest["refresh_token"]))
    response = await log_in(auth, wanted["email"], guest["refresh_token"])
    assert response.status_code == 200
    assert len(await upgrades(auth, guest)) == 1


async def test_a_guest_is_adopted_by_one_of_many(auth: Auth) -> None:
    guest, users = await come_in(auth), [await auth.register() for _ in range(3)]
    answers = await asyncio.gather(
        *(log_in(auth, user["email"], guest["refresh_token"]) for user in users)
    )
    assert sorted(one.status_code for one in answers) == [200, 422, 422]
    assert len(await upgrades(auth, guest)) == 1


async def test_to_register_and_to_log_in_at_once_does_one_of_both(auth: Auth) -> None:
    guest, user = await come_in(auth), await auth.register()
    answers = await asyncio.gather(
        register(auth, wishes(guest["refresh_token"])),
        log_in(auth, user["email"], guest["refresh_token"]),
    )
    assert sorted(one.status_code for one in answers) in ([200, 422], [201, 422])
    assert len(await upgrades(auth, guest)) == 1


# ---- with a second factor


async def test_a_guest_is_adopted_after_the_second_factor(auth: Auth) -> None:
    mina, guest = await (await Member.of(auth)).set_up_totp(), await come_in(auth)
    first = await log_in(auth, mina.user["email"], guest["refresh_token"])
    assert first.json()["code"] == "second_factor_required"
    assert (await auth.me(guest["access_token"])).status_code == 200
    second = await mina.second_step(first.json()["challenge"], code=mina.code())
    assert second.status_code == 200, second.text
    (upgrade,) = await upgrades(auth, guest)
    assert upgrade["user_id"] == mina.id
    assert not await is_there(auth, guest)


async def test_a_bad_token_is_told_before_the_second_factor(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    response = await log_in(auth, mina.user["email"], "x" * 43)
    assert refused_field(response) == "guest_refresh_token"


async def test_no_challenge_knows_the_guests_token(auth: Auth) -> None:
    mina, guest = await (await Member.of(auth)).set_up_totp(), await come_in(auth)
    await log_in(auth, mina.user["email"], guest["refresh_token"])
    rows = await auth.database.all(text("SELECT data::text AS data FROM tickets"))
    assert all(guest["refresh_token"] not in row.data for row in rows)


# ---- with a passkey, and with an account elsewhere


async def test_a_passkey_adopts_a_guest_too(auth: Auth) -> None:
    mina, guest = await Member.of(auth), await come_in(auth)
    await mina.add_passkey()
    asked = (await auth.http.post("/api/auth/passkeys/login/options")).json()["public_key"]
    response = await auth.http.post(
        "/api/auth/passkeys/login",
        json={
            "credential": mina.device.use(asked),
            "guest_refresh_token": guest["refresh_token"],
        },
    )
    assert response.status_code == 200, response.text
    assert not await is_there(auth, guest)


async def test_a_social_log_in_adopts_a_guest_too(start_auth: StartAuth) -> None:
    async with local_provider() as provider, start_auth(**settings(entry(provider))) as auth:
        provider.clock = auth.clock
        guest, visitor = await come_in(auth), Visitor(auth)
        code = (await visitor.told())["code"]
        response = await visitor.exchange(code, guest_refresh_token=guest["refresh_token"])
        assert response.status_code == 200, response.text
        (upgrade,) = await upgrades(auth, guest)
        assert upgrade["user_id"] == response.json()["user"]["id"]
        assert not await is_there(auth, guest)
