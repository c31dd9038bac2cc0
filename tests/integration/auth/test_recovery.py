import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine, event, text

from auth_service.mail.domain import Template
from tests.integration.auth.conftest import PASSWORD, Auth, StartAuth, bearer
from tests.integration.auth.letters import letter_to, letters_to, token_for
from tests.integration.auth.members import Member

NEW = "Another8Courtyard"


async def post(auth: Auth, path: str, access: str = "", /, **body: str) -> httpx.Response:
    headers = bearer(access) if access else {}
    return await auth.http.post(f"/api/auth/{path}", json=body, headers=headers)


async def ask_for_reset(auth: Auth, email: str) -> str:
    assert (await post(auth, "password/forgot", email=email)).status_code == 202
    return await token_for(auth, email, Template.RESET_PASSWORD)


async def account(auth: Auth, user: dict[str, Any]) -> dict[str, Any]:
    session = await auth.log_in(user["user_handle"], user["password"])
    found: dict[str, Any] = (await auth.me(session["access_token"])).json()
    return found


async def actions(auth: Auth, user: str) -> list[str]:
    query = text("SELECT action FROM audit WHERE subject_id = CAST(:user AS uuid) ORDER BY id")
    return [row.action for row in await auth.database.all(query, {"user": user})]


async def suspend(auth: Auth, user: str) -> None:
    query = text("UPDATE users SET suspended_at = now() WHERE id = CAST(:user AS uuid)")
    await auth.database.run(query, {"user": user})


# Verification


async def test_the_link_that_comes_after_a_registration_confirms_the_address(auth: Auth) -> None:
    user = await auth.register()
    assert (await account(auth, user))["email_verified"] is False
    token = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    assert (await post(auth, "verify-email", token=token)).status_code == 200
    assert (await account(auth, user))["email_verified"] is True
    assert "account.email_verified" in await actions(auth, user["id"])


async def test_a_link_is_good_once(auth: Auth) -> None:
    user = await auth.register()
    token = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    answers = await asyncio.gather(*(post(auth, "verify-email", token=token) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410]


async def test_a_link_to_confirm_an_address_is_good_for_24_hours(auth: Auth) -> None:
    user = await auth.register()
    token = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    auth.clock.advance(24 * 3600)
    answer = await post(auth, "verify-email", token=token)
    assert (answer.status_code, answer.json()["code"]) == (410, "link_invalid")


@pytest.mark.parametrize("path", ["verify-email", "email/confirm"])
async def test_a_link_is_of_no_use_for_another_purpose(auth: Auth, path: str) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    assert (await post(auth, path, token=token)).status_code == 410
    answer = await post(auth, "password/reset", token=token, password=NEW)
    assert answer.status_code == 200


async def test_the_mail_can_be_asked_for_again_after_a_minute(auth: Auth) -> None:
    user = await auth.register()
    first = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    await post(auth, "verify-email/resend", email=user["email"])
    assert len(await letters_to(auth, user["email"])) == 1
    auth.clock.advance(61)
    await post(auth, "verify-email/resend", email=user["email"].upper())
    second = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    assert (await post(auth, "verify-email", token=first)).status_code == 410
    assert (await post(auth, "verify-email", token=second)).status_code == 200


async def test_a_link_stays_good_when_another_is_asked_for_too_soon(auth: Auth) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    await post(auth, "password/forgot", email=user["email"])
    answer = await post(auth, "password/reset", token=token, password=NEW)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["verify-email/resend", "password/forgot"])
async def test_an_account_gets_five_mails_an_hour_at_most(auth: Auth, path: str) -> None:
    user = await auth.register()
    auth.clock.advance(3600)
    for _ in range(8):
        auth.clock.advance(61)
        await post(auth, path, email=user["email"])
    template = Template.RESET_PASSWORD if "forgot" in path else Template.VERIFY_EMAIL
    written = [one for one in await letters_to(auth, user["email"]) if one.template == template]
    assert len(written) == (5 if "forgot" in path else 6)  # the first came with the registration
    auth.clock.advance(3600)
    await post(auth, path, email=user["email"])
    again = [one for one in await letters_to(auth, user["email"]) if one.template == template]
    assert len(again) == len(written) + 1


@pytest.mark.parametrize("path", ["verify-email/resend", "password/forgot"])
async def test_of_requests_that_come_at_once_one_is_answered_by_mail(auth: Auth, path: str) -> None:
    user = await auth.register()
    auth.clock.advance(120)
    before = len(await letters_to(auth, user["email"]))
    await asyncio.gather(*(post(auth, path, email=user["email"]) for _ in range(6)))
    assert len(await letters_to(auth, user["email"])) == before + 1


async def test_who_is_verified_already_gets_no_mail_and_nobody_is_told(auth: Auth) -> None:
    user = await auth.register()
    token = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    await post(auth, "verify-email", token=token)
    auth.clock.advance(120)
    known = await post(auth, "verify-email/resend", email=user["email"])
    unknown = await post(auth, "verify-email/resend", email="nobody@example.com")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert len(await letters_to(auth, user["email"])) == 1


@pytest.mark.parametrize("path", ["verify-email/resend", "password/forgot"])
async def test_what_is_no_address_is_named(auth: Auth, path: str) -> None:
    answer = await post(auth, path, email="mina\0@example.com")
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == ["email"]


async def test_a_link_does_not_confirm_an_address_that_came_later(auth: Auth) -> None:
    user = await auth.register()
    token = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    await auth.database.run(
        text("UPDATE users SET email = 'x@example.com', email_key = :key WHERE email = :email"),
        {"key": f"{uuid4().hex}@example.com", "email": user["email"]},
    )
    assert (await post(auth, "verify-email", token=token)).status_code == 410
    assert (await account(auth, user))["email_verified"] is False


async def test_where_addresses_have_to_be_confirmed_others_cannot_log_in(
    start_auth: StartAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_VERIFIED_EMAIL", "true")
    async with start_auth() as auth:
        user = await auth.register()
        right = {"username": user["email"], "password": PASSWORD}
        refused = await auth.http.post("/api/auth/login", json=right)
        assert (refused.status_code, refused.json()["code"]) == (403, "email_not_verified")
        wrong = await auth.http.post("/api/auth/login", json=right | {"password": "Wrong7Horse"})
        assert wrong.json()["code"] == "wrong_credentials"
        token = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
        await post(auth, "verify-email", token=token)
        await auth.log_in(user["email"])


# A forgotten password


async def test_a_new_password_replaces_the_old_one(auth: Auth) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    answer = await post(auth, "password/reset", token=token, password=NEW)
    assert answer.status_code == 200
    old = {"username": user["email"], "password": PASSWORD}
    assert (await auth.http.post("/api/auth/login", json=old)).status_code == 401
    assert (await account(auth, user | {"password": NEW}))["email_verified"] is True
    told = await actions(auth, user["id"])
    assert {"password.reset_asked", "password.reset"} <= set(told)


async def test_a_reset_ends_every_session(auth: Auth) -> None:
    user = await auth.register()
    sessions = [await auth.log_in(user["email"]) for _ in range(2)]
    token = await ask_for_reset(auth, user["email"])
    await post(auth, "password/reset", token=token, password=NEW)
    for session in sessions:
        assert (await auth.me(session["access_token"])).status_code == 401
        assert (await auth.refresh(session["refresh_token"])).status_code == 401


async def test_a_reset_does_not_lead_past_the_second_factor(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    confirmation = await token_for(auth, mina.user["email"], Template.VERIFY_EMAIL)
    assert (await post(auth, "verify-email", token=confirmation)).status_code == 200
    token = await ask_for_reset(auth, mina.user["email"])
    answer = await post(auth, "password/reset", token=token, password=NEW)
    assert answer.json().keys() == {"message"}  # and no token
    form = {"username": mina.user["email"], "password": NEW}
    refused = (await auth.http.post("/api/auth/login", data=form)).json()
    assert refused["code"] == "second_factor_required"
    assert (await mina.second_step(refused["challenge"], code=mina.code())).status_code == 200


async def test_a_reset_is_told_by_mail_and_makes_other_links_useless(auth: Auth) -> None:
    user = await auth.register()
    verify = await token_for(auth, user["email"], Template.VERIFY_EMAIL)
    token = await ask_for_reset(auth, user["email"])
    await post(auth, "password/reset", token=token, password=NEW)
    letter = await letter_to(auth, user["email"], Template.PASSWORD_CHANGED)
    assert letter.values["handle"] == user["user_handle"]
    assert (await post(auth, "verify-email", token=verify)).status_code == 410


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("Sh0rt", "must have at least 8 characters"),
        ("lowercase7", "must contain an upper-case letter"),
        ("Password1", "must not be a password that is known from data breaches"),
    ],
)
async def test_a_password_that_breaks_a_rule_does_not_use_up_the_link(
    auth: Auth, password: str, rule: str
) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    answer = await post(auth, "password/reset", token=token, password=password)
    assert answer.status_code == 422
    assert {"field": "password", "message": rule} in answer.json()["errors"]
    assert (await post(auth, "password/reset", token=token, password=NEW)).status_code == 200


async def test_of_two_resets_with_one_link_one_counts(auth: Auth) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    answers = await asyncio.gather(
        *(post(auth, "password/reset", token=token, password=f"{NEW}{n}") for n in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 410]


async def test_a_link_for_a_new_password_is_good_for_half_an_hour(auth: Auth) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    auth.clock.advance(30 * 60)
    answer = await post(auth, "password/reset", token=token, password=NEW)
    assert answer.status_code == 410


async def test_a_newer_link_makes_the_older_one_useless(auth: Auth) -> None:
    user = await auth.register()
    first = await ask_for_reset(auth, user["email"])
    auth.clock.advance(61)
    second = await ask_for_reset(auth, user["email"])
    assert (await post(auth, "password/reset", token=first, password=NEW)).status_code == 410
    assert (await post(auth, "password/reset", token=second, password=NEW)).status_code == 200


async def test_a_made_up_link_changes_nothing(auth: Auth) -> None:
    answer = await post(auth, "password/reset", token="made-up", password=NEW)
    assert (answer.status_code, answer.json()["code"]) == (410, "link_invalid")


async def test_a_suspended_account_gets_no_mail_and_cannot_use_an_older_one(auth: Auth) -> None:
    user = await auth.register()
    token = await ask_for_reset(auth, user["email"])
    await suspend(auth, user["id"])
    auth.clock.advance(120)
    before = len(await letters_to(auth, user["email"]))
    for path in ("password/forgot", "verify-email/resend"):
        assert (await post(auth, path, email=user["email"])).status_code == 202
    assert len(await letters_to(auth, user["email"])) == before
    answer = await post(auth, "password/reset", token=token, password=NEW)
    assert answer.json()["code"] == "account_suspended"


async def test_who_came_through_a_social_log_in_gets_a_password_this_way(auth: Auth) -> None:
    user = await auth.register()
    query = text("UPDATE users SET password_hash = NULL WHERE email = :email")
    await auth.database.run(query, {"email": user["email"]})
    token = await ask_for_reset(auth, user["email"])
    await post(auth, "password/reset", token=token, password=NEW)
    await auth.log_in(user["email"], NEW)


async def test_a_reset_forgets_failed_tries(auth: Auth) -> None:
    user = await auth.register()
    wrong = {"username": user["email"], "password": "Wrong7Horse"}
    while (await auth.http.post("/api/auth/login", json=wrong)).status_code == 401:
        pass
    delayed = await auth.http.post("/api/auth/login", json=wrong)
    assert delayed.json()["code"] == "login_delayed"
    token = await ask_for_reset(auth, user["email"])
    await post(auth, "password/reset", token=token, password=NEW)
    await auth.log_in(user["email"], NEW)


@pytest.mark.parametrize("path", ["verify-email/resend", "password/forgot"])
async def test_known_and_unknown_addresses_cost_the_same(auth: Auth, path: str) -> None:
    user = await auth.register()
    auth.clock.advance(120)
    done = {}
    for email in (user["email"], "nobody@example.com"):
        statements: list[str] = []

        def note(*arguments: Any, into: list[str] = statements) -> None:
            into.append(arguments[2])

        event.listen(Engine, "before_cursor_execute", note)
        answer = await post(auth, path, email=email)
        event.remove(Engine, "before_cursor_execute", note)
        assert answer.status_code == 202
        sizes = await auth.database.all(
            text("SELECT length(sealed) AS size FROM mails ORDER BY id DESC LIMIT 1")
        )
        done[email] = (answer.content, statements, sizes[0].size // 100)
    known, unknown = done.values()
    assert known == unknown
    assert len(known[1]) >= 6
    assert len(await letters_to(auth, "")) == 1


# Another address


async def test_an_address_changes_once_the_new_one_is_proven(auth: Auth) -> None:
    user = await auth.register()
    session = await auth.log_in(user["email"])
    other = await auth.log_in(user["email"])
    new = f"{uuid4().hex}@example.org"
    asked = await post(auth, "email", session["access_token"], email=new)
    assert asked.status_code == 202, asked.text
    assert (await account(auth, user))["email"] == user["email"]
    token = await token_for(auth, new, Template.CHANGE_EMAIL)
    assert (await post(auth, "email/confirm", token=token)).status_code == 200
    changed = (await auth.me(session["access_token"])).json()
    assert (changed["email"], changed["email_verified"]) == (new, True)
    assert (await auth.me(other["access_token"])).status_code == 401
    letter = await letter_to(auth, user["email"], Template.EMAIL_CHANGED)
    assert new not in str(letter)
    assert {"account.email_change_asked", "account.email_changed"} <= set(
        await actions(auth, user["id"])
    )


async def test_a_change_makes_links_to_the_old_address_useless(auth: Auth) -> None:
    user = await auth.register()
    session = await auth.log_in(user["email"])
    reset = await ask_for_reset(auth, user["email"])
    new = f"{uuid4().hex}@example.org"
    await post(auth, "email", session["access_token"], email=new)
    token = await token_for(auth, new, Template.CHANGE_EMAIL)
    await post(auth, "email/confirm", token=token)
    answer = await post(auth, "password/reset", token=reset, password=NEW)
    assert answer.status_code == 410


async def test_who_asks_for_a_taken_address_is_not_told_but_its_owner_is(auth: Auth) -> None:
    user, owner = await auth.register(), await auth.register()
    session = await auth.log_in(user["email"])
    taken = await post(auth, "email", session["access_token"], email=owner["email"].upper())
    auth.clock.advance(61)
    free = await post(auth, "email", session["access_token"], email="free@example.org")
    assert (taken.status_code, taken.content) == (free.status_code, free.content)
    letter = await letter_to(auth, owner["email"], Template.ALREADY_REGISTERED)
    assert user["user_handle"] not in str(letter)
    token = await token_for(auth, owner["email"], Template.ALREADY_REGISTERED)
    assert (await post(auth, "email/confirm", token=token)).status_code == 410


async def test_an_address_that_was_taken_meanwhile_is_refused(auth: Auth) -> None:
    user = await auth.register()
    session = await auth.log_in(user["email"])
    new = f"{uuid4().hex}@example.org"
    await post(auth, "email", session["access_token"], email=new)
    token = await token_for(auth, new, Template.CHANGE_EMAIL)
    await auth.register(email=new)
    answer = await post(auth, "email/confirm", token=token)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_changing_an_address_needs_a_fresh_proof(auth: Auth) -> None:
    session = await auth.session()
    auth.clock.advance(11 * 60)
    answer = await post(auth, "email", session["access_token"], email="new@example.org")
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")


async def test_one_change_a_minute_can_be_asked_for(auth: Auth) -> None:
    session = await auth.session()
    first = await post(auth, "email", session["access_token"], email="new@example.org")
    second = await post(auth, "email", session["access_token"], email="newer@example.org")
    assert (first.status_code, second.status_code) == (202, 429)
    assert second.json()["code"] == "too_many_mails"
    assert second.headers["retry-after"] == "60"


async def test_the_own_address_is_no_change(auth: Auth) -> None:
    user = await auth.register()
    session = await auth.log_in(user["email"])
    answer = await post(auth, "email", session["access_token"], email=user["email"].upper())
    assert answer.status_code == 422


async def test_guests_have_no_address_to_change(auth: Auth) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    answer = await post(auth, "email", guest["access_token"], email="new@example.org")
    assert answer.status_code == 403


# The pages


@pytest.mark.parametrize("page", ["verify-email", "reset-password", "change-email"])
@pytest.mark.parametrize(("accepted", "language"), [("ko-KR,en;q=0.5", "ko"), ("fr", "en")])
async def test_a_page_speaks_the_language_of_its_reader(
    auth: Auth, page: str, accepted: str, language: str
) -> None:
    headers = {"accept-language": accepted}
    answer = await auth.http.get(f"/api/auth/pages/{page}", headers=headers)
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    assert "{" not in answer.text  # everything is filled in
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert "style=" not in answer.text


async def test_pages_load_their_script_and_style(auth: Auth) -> None:
    script = await auth.http.get("/api/auth/pages/page.js")
    style = await auth.http.get("/api/auth/pages/page.css")
    assert script.headers["content-type"].startswith("text/javascript")
    assert style.headers["content-type"].startswith("text/css")
