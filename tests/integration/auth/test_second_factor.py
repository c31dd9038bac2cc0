import asyncio

from tests.integration.auth.conftest import PASSWORD, Auth
from tests.integration.auth.members import Member

FORWARDED = "x-forwarded-for"


async def test_a_code_completes_a_log_in(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    refusal = await mina.first_step()
    assert refusal["methods"] == ["totp", "recovery_code"]
    response = await mina.second_step(refusal["challenge"], code=mina.code())
    assert response.status_code == 200
    assert response.json()["user"]["id"] == mina.id
    assert (await auth.me(response.json()["access_token"])).status_code == 200
    assert await mina.methods() == ["pwd", "otp"]
    assert {"methods": ["pwd", "otp"]} in await mina.noted("session.started")


async def test_the_first_step_alone_gives_no_token(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    refusal = await mina.first_step()
    assert "access_token" not in refusal
    assert (await auth.me(refusal["challenge"])).status_code == 401
    assert (await auth.refresh(refusal["challenge"])).status_code == 401


async def test_the_tokens_can_come_as_a_cookie(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    response = await auth.http.post(
        "/api/auth/login/second-factor",
        json={"challenge": challenge, "code": mina.code(), "refresh_token_in": "cookie"},
        headers={"origin": "http://auth"},
    )
    assert response.status_code == 200, response.text
    assert "refresh_token" not in response.json()
    assert "madang_refresh=" in response.headers["set-cookie"]
    auth.http.cookies.clear()


async def test_a_code_is_good_for_one_log_in(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    code = mina.code()
    assert (await mina.second_step((await mina.first_step())["challenge"], code=code)).is_success
    again = await mina.second_step((await mina.first_step())["challenge"], code=code)
    assert again.status_code == 401
    assert again.json()["code"] == "wrong_second_factor"


async def test_the_code_that_confirmed_the_app_logs_nobody_in(auth: Auth) -> None:
    mina = await Member.of(auth)
    mina.secret = (await mina.call("POST", "/api/auth/factors/totp", wanted=201))["secret"]
    code = mina.code()
    await mina.call("POST", "/api/auth/factors/totp/confirm", {"code": code})
    response = await mina.second_step((await mina.first_step())["challenge"], code=code)
    assert response.status_code == 401


async def test_of_two_at_once_with_one_code_one_is_let_in(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenges = [(await mina.first_step())["challenge"] for _ in range(4)]
    answers = await asyncio.gather(*(mina.second_step(one, code=mina.code()) for one in challenges))
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401]


async def test_a_clock_may_be_a_step_off_and_no_more(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    auth.clock.advance(90)
    for steps, status in ((-2, 401), (2, 401), (-1, 200), (0, 200), (1, 200)):
        challenge = (await mina.first_step())["challenge"]
        response = await mina.second_step(challenge, code=mina.code(steps))
        assert response.status_code == status, steps


async def test_a_challenge_is_good_for_one_log_in(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    assert (await mina.second_step(challenge, code=mina.code())).is_success
    auth.clock.advance(30)
    again = await mina.second_step(challenge, code=mina.code())
    assert again.status_code == 410
    assert again.json()["code"] == "challenge_invalid"


async def test_a_challenge_ends_after_five_minutes(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    auth.clock.advance(301)
    assert (await mina.second_step(challenge, code=mina.code())).status_code == 410
    assert (await mina.second_step("rubbish", code=mina.code())).status_code == 410
    options = await auth.http.post(
        "/api/auth/login/second-factor/passkey-options", json={"challenge": challenge}
    )
    assert options.status_code == 410


async def test_a_challenge_is_good_for_five_tries(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    for _ in range(5):
        assert (await mina.second_step(challenge, code=mina.wrong_code())).status_code == 401
        auth.clock.advance(3)
    last = await mina.second_step(challenge, code=mina.code())
    assert last.status_code == 410
    assert (await mina.second_step(challenge, code=mina.code())).status_code == 410
    assert len(await mina.noted("factor.failed")) == 5


async def test_a_challenge_takes_the_factor_of_its_own_account_alone(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    juno = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    for proof in ({"code": juno.code()}, {"recovery_code": juno.recovery_codes[0]}):
        assert (await mina.second_step(challenge, **proof)).status_code == 401
    assert (await juno.factors())["recovery_codes_left"] == 10


async def test_ever_new_challenges_do_not_help_a_guesser(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    headers = {FORWARDED: "203.0.113.9"}
    statuses = []
    for _ in range(12):
        form = {"username": mina.user["email"], "password": PASSWORD}
        refusal = await auth.http.post("/api/auth/login", data=form, headers=headers)
        body = {"challenge": refusal.json()["challenge"], "code": mina.wrong_code()}
        response = await auth.http.post("/api/auth/login/second-factor", json=body, headers=headers)
        statuses.append(response.status_code)
    assert statuses[:5] == [401] * 5
    assert set(statuses[5:]) == {429}
    assert response.json()["code"] == "login_delayed"
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["errors"][0]["field"] == "code"


async def test_a_guesser_with_a_thousand_addresses_is_slowed_down_to_hours(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    waits = []
    for number in range(17):
        headers = {FORWARDED: f"203.0.113.{number}"}
        form = {"username": mina.user["email"], "password": PASSWORD}
        refusal = await auth.http.post("/api/auth/login", data=form, headers=headers)
        body = {"challenge": refusal.json()["challenge"], "code": mina.wrong_code()}
        path = "/api/auth/login/second-factor"
        response = await auth.http.post(path, json=body, headers=headers)
        if response.status_code == 429:
            waits.append(int(response.headers["retry-after"]))
            auth.clock.advance(waits[-1])
            again = await auth.http.post(path, json=body, headers=headers)
            assert again.status_code in (401, 410)
    assert waits == sorted(waits)
    assert waits[-1] > 60


async def test_a_delayed_try_does_not_use_the_challenge_up(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    for _ in range(5):
        await mina.second_step((await mina.first_step())["challenge"], code=mina.wrong_code())
    challenge = (await mina.first_step())["challenge"]
    for _ in range(6):
        assert (await mina.second_step(challenge, code=mina.code())).status_code == 429
    auth.clock.advance(60)
    assert (await mina.second_step(challenge, code=mina.code())).status_code == 200


async def test_exactly_one_factor_is_sent(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    none = await mina.second_step(challenge)
    assert none.status_code == 422
    assert none.json()["errors"][0]["field"] == "code"
    two = await mina.second_step(challenge, code=mina.code(), recovery_code=mina.recovery_codes[0])
    assert two.json()["errors"][0]["field"] == "recovery_code"
    assert (await mina.second_step(challenge, code=mina.code())).is_success


# ---- recovery codes


async def test_a_recovery_code_lets_in_once(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    code = mina.recovery_codes[3]
    written = code.upper().replace("-", " ").replace("0", "O")
    first = await mina.second_step((await mina.first_step())["challenge"], recovery_code=written)
    assert first.status_code == 200
    assert await mina.methods() == ["pwd", "kba"]
    assert (await mina.factors())["recovery_codes_left"] == 9
    assert await mina.noted("factor.recovery_code_used") == [{"left": 9}]
    again = await mina.second_step((await mina.first_step())["challenge"], recovery_code=code)
    assert again.status_code == 401
    assert again.json()["code"] == "wrong_second_factor"


async def test_of_many_at_once_with_one_recovery_code_one_is_let_in(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenges = [(await mina.first_step())["challenge"] for _ in range(4)]
    code = mina.recovery_codes[0]
    answers = await asyncio.gather(
        *(mina.second_step(one, recovery_code=code) for one in challenges)
    )
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401]
    assert (await mina.factors())["recovery_codes_left"] == 9


async def test_new_recovery_codes_replace_the_old_ones(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    made = await mina.call("POST", "/api/auth/factors/recovery-codes", wanted=201)
    assert set(made["recovery_codes"]).isdisjoint(mina.recovery_codes)
    challenge = (await mina.first_step())["challenge"]
    old = await mina.second_step(challenge, recovery_code=mina.recovery_codes[0])
    assert old.status_code == 401
    new = await mina.second_step(challenge, recovery_code=made["recovery_codes"][0])
    assert new.status_code == 200


async def test_the_owner_is_told_of_new_recovery_codes(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    before = await mina.letters()
    await mina.call("POST", "/api/auth/factors/recovery-codes", wanted=201)
    assert (await mina.letters())[len(before) :] == ["factor_added"]
    assert {"factor": "recovery_code"} in await mina.noted("factor.added")


async def test_recovery_codes_need_a_factor_that_they_stand_in_for(auth: Auth) -> None:
    mina = await Member.of(auth)
    refused = await mina.call("POST", "/api/auth/factors/recovery-codes", wanted=409)
    assert refused["code"] == "no_second_factor"


async def test_what_cannot_be_a_recovery_code_is_no_try(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    challenge = (await mina.first_step())["challenge"]
    for rubbish in ("", "4kzm-09qw", "uuuu-uuuu-uuuu", "4kzm-09qw-7txé", "4kzm-09qw-7txc-0000"):
        response = await mina.second_step(challenge, recovery_code=rubbish)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "recovery_code"
    assert (await mina.second_step(challenge, code=mina.code())).is_success
