import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import bcrypt
import httpx
import msgspec
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from auth_service.accounts.breached.build import build
from auth_service.accounts.breached.passwords import digest_of
from auth_service.accounts.hashes import Hashes, Verdict
from auth_service.accounts.passwords import Passwords, TooBusy
from auth_service.accounts.repository import Accounts
from auth_service.mail.domain import Letter, Template
from shared.security.box import Box
from shared.security.principal import UserId
from tests.integration.auth.conftest import PASSWORD, SECRET, Auth, StartAuth, bearer

NEW = "Better8Battery"


async def has_hash(auth: Auth, user: dict[str, Any], hashed: str | None) -> None:
    """As if another product had made the account."""
    await auth.database.run(
        text("UPDATE users SET password_hash = :hashed WHERE id = :id"),
        {"hashed": hashed, "id": UUID(user["id"])},
    )


async def hash_of(auth: Auth, user: dict[str, Any]) -> str | None:
    return await Accounts(auth.database).hash_of(UserId(UUID(user["id"])))


async def letters_to(auth: Auth, email: str) -> list[Letter]:
    rows = await auth.database.all(text("SELECT id, sealed FROM mails ORDER BY id"))
    box = Box(SECRET, "mails")
    letters = [msgspec.json.decode(box.open(row.sealed, row.id.bytes), type=Letter) for row in rows]
    return [letter for letter in letters if letter.recipient == email]


async def change(
    auth: Auth, access_token: str, new: str = NEW, current: str | None = PASSWORD
) -> httpx.Response:
    body = {"new_password": new} | ({} if current is None else {"current_password": current})
    return await auth.http.post("/api/auth/password", json=body, headers=bearer(access_token))


def by_bcrypt(password: str = PASSWORD, prefix: str = "$2b$", cost: int = 4) -> str:
    return prefix + bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()[4:]


async def test_a_password_does_not_expire(auth: Auth) -> None:
    user = await auth.register()
    auth.clock.advance(10 * 365 * 86_400)
    assert (await auth.log_in(user["email"]))["access_token"]


# ---- users of another product


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
async def test_a_bcrypt_user_logs_in_and_has_an_argon2_hash_from_then_on(
    auth: Auth, prefix: str
) -> None:
    user = await auth.register()
    await has_hash(auth, user, by_bcrypt(prefix=prefix))
    await auth.log_in(user["email"])
    renewed = await hash_of(auth, user)
    assert renewed is not None
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await auth.log_in(user["email"])
    assert await hash_of(auth, user) == renewed


async def test_argon2_with_other_parameters_is_renewed_too(auth: Auth) -> None:
    user = await auth.register()
    await has_hash(auth, user, PasswordHasher(1, 8192, 1).hash(PASSWORD))
    await auth.log_in(user["email"])
    assert (await hash_of(auth, user) or "").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_wrong_password_leaves_the_old_hash(auth: Auth) -> None:
    user, old = await auth.register(), by_bcrypt()
    await has_hash(auth, user, old)
    form = {"username": user["email"], "password": "Wrong7Horse"}
    response = await auth.http.post("/api/auth/login", data=form)
    assert response.status_code == 401
    assert await hash_of(auth, user) == old


async def test_renewing_a_hash_does_not_undo_a_change_at_the_same_moment(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, changed = await auth.register(), Hashes().make(NEW)
    await has_hash(auth, user, by_bcrypt())
    real = Passwords.check

    async def slow(self: Passwords, password: str, hashed: str | None) -> Verdict:
        verdict = await real(self, password, hashed)
        await has_hash(auth, user, changed)  # somebody changes the password meanwhile
        return verdict

    with monkeypatch.context() as patched:
        patched.setattr(Passwords, "check", slow)
        form = {"username": user["email"], "password": PASSWORD}
        refused = await auth.http.post("/api/auth/login", data=form)
    assert (refused.status_code, refused.json()["code"]) == (401, "wrong_credentials")
    assert await hash_of(auth, user) == changed


async def test_who_has_no_password_cannot_log_in_by_one(auth: Auth) -> None:
    user = await auth.register()
    await has_hash(auth, user, None)
    answers = []
    for login in (user["email"], "nobody@example.com"):
        form = {"username": login, "password": ""}
        response = await auth.http.post("/api/auth/login", data=form)
        answers.append((response.status_code, {**response.json(), "request_id": ""}))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_a_hash_that_nobody_can_read_is_a_wrong_password(auth: Auth) -> None:
    user = await auth.register()
    await has_hash(auth, user, "$1$not$ours")
    response = await auth.http.post(
        "/api/auth/login", data={"username": user["email"], "password": PASSWORD}
    )
    assert response.status_code == 401


# ---- changing the password


async def test_a_change_lets_the_new_password_in_and_the_old_one_no_more(auth: Auth) -> None:
    tokens = await auth.session()
    assert (await change(auth, tokens["access_token"])).status_code == 204
    email = tokens["user"]["email"]
    await auth.log_in(email, NEW)
    old = await auth.http.post("/api/auth/login", data={"username": email, "password": PASSWORD})
    assert old.status_code == 401


async def test_a_change_ends_every_other_session_and_keeps_this_one(auth: Auth) -> None:
    user = await auth.register()
    here, elsewhere = await auth.log_in(user["email"]), await auth.log_in(user["email"])
    await change(auth, here["access_token"])
    assert (await auth.me(here["access_token"])).status_code == 200
    assert (await auth.refresh(here["refresh_token"])).status_code == 200
    assert (await auth.me(elsewhere["access_token"])).status_code == 401
    assert (await auth.refresh(elsewhere["refresh_token"])).status_code == 401


async def test_a_change_is_told_by_mail_and_noted(auth: Auth) -> None:
    user = await auth.register()
    await auth.log_in(user["email"])
    tokens = await auth.log_in(user["email"])
    await change(auth, tokens["access_token"])
    letters = await letters_to(auth, user["email"])
    assert Template.PASSWORD_CHANGED in {letter.template for letter in letters}
    rows = await auth.database.all(
        text("SELECT details FROM audit WHERE action = 'password.changed' AND subject_id = :id"),
        {"id": UUID(user["id"])},
    )
    assert [row.details for row in rows] == [{"sessions_ended": 1}]


async def test_a_wrong_current_password_changes_nothing_and_counts(auth: Auth) -> None:
    tokens = await auth.session()
    for _ in range(5):
        response = await change(auth, tokens["access_token"], current="Wrong7Horse")
        assert response.status_code == 403
        assert response.json()["code"] == "proof_refused"
        assert response.json()["errors"][0]["field"] == "current_password"
    delayed = await change(auth, tokens["access_token"])
    assert delayed.status_code == 429
    assert delayed.json()["errors"][0]["field"] == "current_password"
    auth.clock.advance(1)
    assert (await change(auth, tokens["access_token"])).status_code == 204


async def test_failures_to_change_do_not_delay_a_log_in(auth: Auth) -> None:
    tokens = await auth.session()
    for _ in range(6):
        await change(auth, tokens["access_token"], current="Wrong7Horse")
    await auth.log_in(tokens["user"]["email"])


async def test_the_current_password_is_required(auth: Auth) -> None:
    tokens = await auth.session()
    response = await change(auth, tokens["access_token"], current=None)
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "current_password", "message": "is required"}]


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("short", "at least 8"),
        ("Password1", "data breaches"),
        (PASSWORD, "the password that you have"),
        ("Aa1" + "x" * 300, "256 characters at most"),
    ],
)
async def test_the_new_password_has_to_obey_the_rules(auth: Auth, new: str, told: str) -> None:
    tokens = await auth.session()
    response = await change(auth, tokens["access_token"], new)
    assert response.status_code == 422
    found = response.json()["errors"]
    assert {error["field"] for error in found} == {"new_password"}
    assert any(told in error["message"] for error in found)


async def test_the_new_password_is_not_the_own_address(auth: Auth) -> None:
    tokens = await auth.session()
    response = await change(auth, tokens["access_token"], tokens["user"]["email"].title())
    assert "your e-mail address" in response.text


async def test_who_has_no_password_sets_one_soon_after_a_log_in(auth: Auth) -> None:
    user = await auth.register()
    tokens = await auth.log_in(user["email"])
    await has_hash(auth, user, None)
    assert (await change(auth, tokens["access_token"], current=None)).status_code == 204
    await auth.log_in(user["email"], NEW)


async def test_who_has_no_password_sets_none_long_after_a_log_in(auth: Auth) -> None:
    user = await auth.register()
    tokens = await auth.log_in(user["email"])
    await has_hash(auth, user, None)
    auth.clock.advance(timedelta(minutes=11).total_seconds())
    response = await change(auth, tokens["access_token"], current=None)
    assert response.status_code == 403
    assert response.json()["code"] == "reauthentication_required"
    assert await hash_of(auth, user) is None


async def test_of_two_changes_at_once_one_is_refused(auth: Auth) -> None:
    tokens = await auth.session()
    answers = await asyncio.gather(
        *(change(auth, tokens["access_token"], f"{NEW}{number}") for number in range(2))
    )
    assert sorted(one.status_code for one in answers) == [204, 409]


async def test_a_change_while_too_many_log_in_is_not_a_failure(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await auth.session()
    with monkeypatch.context() as patched:
        patched.setattr(Passwords, "verify", _too_busy)
        for _ in range(6):
            assert (await change(auth, tokens["access_token"])).status_code == 503
    assert (await change(auth, tokens["access_token"])).status_code == 204


async def test_guests_have_no_password_to_change(auth: Auth) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    response = await change(auth, guest["access_token"], current=None)
    assert response.status_code == 403
    assert response.json()["code"] == "account_required"


async def test_a_change_makes_links_for_a_reset_useless(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.http.post("/api/auth/password/forgot", json={"email": tokens["user"]["email"]})
    waiting = text("SELECT 1 FROM tickets WHERE purpose = 'reset_password' AND user_id = :id")
    assert await auth.database.all(waiting, {"id": UUID(tokens["user"]["id"])})
    await change(auth, tokens["access_token"])
    assert not await auth.database.all(waiting, {"id": UUID(tokens["user"]["id"])})


# ---- breached ones


async def test_a_registration_names_every_rule_that_its_password_breaks(auth: Auth) -> None:
    wanted = {"email": "rules@example.com", "user_handle": "rules", "password": "Password1"}
    response = await auth.http.post("/api/auth/register", json=wanted)
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"field": "password", "message": "must not be a password that is known from data breaches"}
    ]


async def test_the_operators_filter_is_asked_as_well(start_auth: StartAuth, tmp_path: Path) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "pwned.filter"
    source.write_text(f"{digest_of('Zebra42Sunday').hex().upper()}:7\r\n")
    build(source, target, 16, 1)
    async with start_auth(breached_passwords=target) as auth:
        wanted = {"email": "zebra@example.com", "user_handle": "zebra", "password": "Zebra42Sunday"}
        response = await auth.http.post("/api/auth/register", json=wanted)
    assert "data breaches" in response.text


async def _too_busy(*_: object) -> bool:
    raise TooBusy
