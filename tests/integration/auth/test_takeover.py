"""Who has lost an account, or never had a right to it, keeps nothing of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text
from starlette.types import Message

from auth_service.accounts.hashes import Hashes, Verdict
from auth_service.accounts.passwords import Passwords
from auth_service.mail.domain import Template
from auth_service.social.domain import Identity
from auth_service.social.repository import Identities
from auth_service.tickets.domain import Purpose
from auth_service.tickets.repository import Tickets
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.auth.conftest import PASSWORD, Auth, bearer
from tests.integration.auth.letters import token_for
from tests.integration.auth.members import Member, log_in_with_passkey
from tests.integration.auth.test_passwords import by_bcrypt, has_hash

NEW = "Another8Courtyard"


async def reset(auth: Auth, email: str) -> None:
    """The owner of the mailbox chooses a new password."""
    asked = await auth.http.post("/api/auth/password/forgot", json={"email": email})
    assert asked.status_code == 202
    body = {"token": await token_for(auth, email, Template.RESET_PASSWORD), "password": NEW}
    answer = await auth.http.post("/api/auth/password/reset", json=body)
    assert answer.status_code == 200, answer.text


async def confirm_address(auth: Auth, email: str) -> None:
    token = await token_for(auth, email, Template.VERIFY_EMAIL)
    assert (await auth.http.post("/api/auth/verify-email", json={"token": token})).is_success


async def try_to_log_in(auth: Auth, email: str, password: str = PASSWORD) -> httpx.Response:
    form = {"username": email, "password": password}
    return await auth.http.post("/api/auth/login", data=form)


async def link(auth: Auth, user: str) -> None:
    now = auth.clock.now()
    one = Identity(uuid7(), UserId(UUID(user)), "google", uuid7().hex, None, now, now)
    assert await Identities(auth.database).add(one)


async def left(auth: Auth, user: str, table: str) -> int:
    row = await auth.database.one(
        text(f"SELECT count(*) AS n FROM {table} WHERE user_id = :id"),
        {"id": UUID(user)},
    )
    assert row is not None
    return int(row.n)


async def usable_keys(member: Member) -> int:
    listed = await member.call("GET", "/api/auth/api-keys")
    return sum(one["revoked_at"] is None for one in listed["items"])


async def equip(auth: Auth) -> Member:
    """A member with everything that lets somebody in beside the password."""
    mina = await (await Member.of(auth)).set_up_totp()
    await mina.add_passkey()
    await link(auth, mina.id)
    key = {"name": "way in", "scopes": ["profile:read"]}
    await mina.call("POST", "/api/auth/api-keys", key, 201)
    return mina


# ---- an account that somebody else has made


async def test_the_first_proof_of_an_address_leaves_nothing_of_who_registered_with_it(
    auth: Auth,
) -> None:
    squatter = await equip(auth)
    await squatter.call("POST", "/api/users/deletion", wanted=202)
    await squatter.call("POST", "/api/auth/email", {"email": f"x{squatter.id}@example.net"}, 202)
    elsewhere = await token_for(auth, f"x{squatter.id}@example.net", Template.CHANGE_EMAIL)

    await reset(auth, squatter.user["email"])

    owner = Member(auth, squatter.user, "")
    answer = await try_to_log_in(auth, owner.user["email"], NEW)
    assert answer.status_code == 200, answer.text  # no second factor of the squatter's is asked for
    owner.token = answer.json()["access_token"]
    assert answer.json()["user"]["deletion_due_at"] is None
    assert await owner.factors() == {"totp": None, "passkeys": [], "recovery_codes_left": 0}
    assert await usable_keys(owner) == 0
    for table in ("identities", "tickets", "totp"):
        assert await left(auth, owner.id, table) == 0, table
    assert (await log_in_with_passkey(auth, squatter.device)).status_code == 401
    moved = await auth.http.post("/api/auth/email/confirm", json={"token": elsewhere})
    assert moved.status_code == 410
    assert (await auth.me(squatter.token)).status_code == 401
    told = await owner.letters()
    assert told.count("factor_removed") == 2
    assert "identity_unlinked" in told


async def test_an_authenticator_that_was_never_confirmed_goes_too(auth: Auth) -> None:
    squatter = await Member.of(auth)
    await squatter.call("POST", "/api/auth/factors/totp", wanted=201)
    await reset(auth, squatter.user["email"])
    assert await left(auth, squatter.id, "totp") == 0


async def test_the_access_tokens_of_their_api_keys_are_refused_everywhere(auth: Auth) -> None:
    squatter = await equip(auth)
    key = (await squatter.call("GET", "/api/auth/api-keys"))["items"][0]["id"]
    await reset(auth, squatter.user["email"])
    row = await auth.database.one(
        text("SELECT revoked_at FROM revocations WHERE session_id = :id"), {"id": UUID(key)}
    )
    assert row is not None
    assert await squatter.noted("api_key.revoked") == [{"api_key": key}]


async def test_who_has_confirmed_the_address_keeps_all_that_is_theirs(auth: Auth) -> None:
    mina = await equip(auth)
    await confirm_address(auth, mina.user["email"])
    await reset(auth, mina.user["email"])
    assert (await log_in_with_passkey(auth, mina.device)).status_code == 200
    refused = (await try_to_log_in(auth, mina.user["email"], NEW)).json()
    assert refused["methods"] == ["totp", "recovery_code", "passkey"]
    assert await left(auth, mina.id, "identities") == 1
    assert await mina.noted("api_key.revoked") == []


# ---- what was begun before a password was replaced


async def change(auth: Auth, mina: Member) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW}
    await mina.call("POST", "/api/auth/password", body, 204)


@pytest.mark.parametrize("way", ["reset", "change"])
async def test_an_address_change_that_was_asked_for_before_is_void(auth: Auth, way: str) -> None:
    mina = await Member.of(auth)
    await confirm_address(auth, mina.user["email"])
    thief = Member(auth, mina.user, (await auth.log_in(mina.user["email"]))["access_token"])
    theirs = f"thief-{mina.id}@example.net"
    await thief.call("POST", "/api/auth/email", {"email": theirs}, 202)
    token = await token_for(auth, theirs, Template.CHANGE_EMAIL)
    await (reset(auth, mina.user["email"]) if way == "reset" else change(auth, mina))
    answer = await auth.http.post("/api/auth/email/confirm", json={"token": token})
    assert (answer.status_code, answer.json()["code"]) == (410, "link_invalid")


@pytest.mark.parametrize("way", ["reset", "change"])
async def test_a_log_in_that_waits_for_its_second_factor_is_over(auth: Auth, way: str) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    await confirm_address(auth, mina.user["email"])
    challenge = (await mina.first_step())["challenge"]
    await (reset(auth, mina.user["email"]) if way == "reset" else change(auth, mina))
    answer = await mina.second_step(challenge, code=mina.code())
    assert (answer.status_code, answer.json()["code"]) == (410, "challenge_invalid")


@pytest.mark.parametrize("two_steps", [False, True])
@pytest.mark.parametrize("old", ["argon2", "bcrypt"])
async def test_a_log_in_that_has_checked_the_old_password_does_not_outlive_its_reset(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, old: str, two_steps: bool
) -> None:
    mina = await Member.of(auth)
    if two_steps:
        await mina.set_up_totp()
    await confirm_address(auth, mina.user["email"])
    if old == "bcrypt":
        await has_hash(auth, mina.user, by_bcrypt())
    real = Passwords.check

    async def slow(self: Passwords, password: str, hashed: str | None) -> Verdict:
        verdict = await real(self, password, hashed)
        patched.undo()
        await reset(auth, mina.user["email"])
        return verdict

    with monkeypatch.context() as patched:
        patched.setattr(Passwords, "check", slow)
        answer = await try_to_log_in(auth, mina.user["email"])
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")
    assert await left(auth, mina.id, "tickets") == 0


async def test_of_two_first_log_ins_with_an_old_hash_both_succeed(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, real = await auth.register(), Passwords.check
    await has_hash(auth, user, by_bcrypt())

    async def slow(self: Passwords, password: str, hashed: str | None) -> Verdict:
        verdict = await real(self, password, hashed)
        patched.undo()
        await has_hash(auth, user, Hashes().make(PASSWORD))  # the other one has been quicker
        return verdict

    with monkeypatch.context() as patched:
        patched.setattr(Passwords, "check", slow)
        assert (await try_to_log_in(auth, user["email"])).status_code == 200


# ---- a session that has ended


async def test_a_body_that_comes_slowly_does_not_outlive_its_session(auth: Auth) -> None:
    mina = await Member.of(auth)
    elsewhere = await auth.log_in(mina.user["email"])
    sent: list[Message] = []

    async def receive() -> Message:
        if not sent_first:
            sent_first.append(True)
            return {"type": "http.request", "body": b'{"display_name":', "more_body": True}
        ended = await auth.http.delete(
            "/api/auth/sessions", headers=bearer(elsewhere["access_token"])
        )
        assert ended.json() == {"ended": 1}
        return {"type": "http.request", "body": b'"Thief"}', "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    sent_first: list[bool] = []
    path = "/api/users/profile"
    headers = [
        (b"authorization", f"Bearer {mina.token}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "PATCH", "scheme": "http", "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": headers,
        "client": None, "server": ("auth", 80),
    }  # fmt: skip
    await auth.service.app(scope, receive, send)
    assert sent[0]["status"] == 401
    assert msgspec.json.decode(sent[1]["body"])["code"] == "session_revoked"


async def end_quietly(auth: Auth, member: Member) -> None:
    """As if the session had ended so lately that this process has not heard of it."""
    await auth.database.run(
        text("UPDATE sessions SET revoked_at = now() WHERE user_id = :id"),
        {"id": UUID(member.id)},
    )


async def test_an_ended_session_adds_no_way_in(auth: Auth) -> None:
    mina = await Member.of(auth)
    mina.secret = (await mina.call("POST", "/api/auth/factors/totp", wanted=201))["secret"]
    credential = mina.device.create(await mina.options())
    profile = {"subject": uuid7().hex}
    code = await Tickets(auth.database).issue(
        Purpose.SOCIAL_LINK,
        UserId(UUID(mina.id)),
        auth.clock.now(),
        timedelta(minutes=1),
        {"provider": "google", "profile": profile},
    )
    await end_quietly(auth, mina)
    tries: list[tuple[str, dict[str, Any]]] = [
        ("/api/auth/factors/totp/confirm", {"code": mina.code()}),
        ("/api/auth/passkeys", {"name": "Phone", "credential": credential}),
        ("/api/auth/identities", {"code": code}),
    ]
    for path, body in tries:
        answer = await mina.ask("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked"), path


# ---- guesses at a second factor


async def test_the_right_password_makes_no_room_for_guesses_at_the_second_factor(
    auth: Auth,
) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    statuses = []
    for _ in range(8):
        statuses.append((await mina.prove(code=mina.wrong_code())).status_code)
        same = {"current_password": PASSWORD, "new_password": PASSWORD}
        assert (await mina.ask("POST", "/api/auth/password", same)).status_code == 422
    assert statuses == [403] * 5 + [429] * 3
