from tests.integration.auth.conftest import PASSWORD, Auth, bearer
from tests.integration.auth.members import Member, log_in_with_passkey

TOTP = "/api/auth/factors/totp"
REAUTHENTICATE = "/api/auth/reauthenticate"
RENEW = "/api/auth/factors/recovery-codes"


async def test_a_password_renews_the_proof_of_a_session(auth: Auth) -> None:
    mina = await Member.of(auth)
    auth.clock.advance(601)
    await mina.call("POST", TOTP, wanted=403)
    proved = await mina.prove(password=PASSWORD)
    assert proved.status_code == 200
    assert "good_until" in proved.json()
    await mina.call("POST", TOTP, wanted=201)
    assert await mina.noted("session.reauthenticated") == [{"methods": ["pwd"]}]


async def test_a_proof_is_good_for_ten_minutes(auth: Auth) -> None:
    mina = await Member.of(auth)
    auth.clock.advance(600)
    await mina.call("POST", TOTP, wanted=201)
    auth.clock.advance(1)
    await mina.call("POST", TOTP, wanted=403)


async def test_a_proof_counts_for_its_session_alone(auth: Auth) -> None:
    mina = await Member.of(auth)
    elsewhere = Member(auth, mina.user, (await auth.log_in(mina.user["email"]))["access_token"])
    auth.clock.advance(601)
    await mina.prove(password=PASSWORD)
    await mina.call("POST", TOTP, wanted=201)
    await elsewhere.call("POST", TOTP, wanted=403)


async def test_with_a_second_factor_a_password_alone_proves_nothing(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    auth.clock.advance(601)
    refused = await mina.prove(password=PASSWORD)
    assert refused.status_code == 403
    assert refused.json()["code"] == "second_factor_needed"
    assert refused.json()["methods"] == ["totp", "recovery_code"]
    await mina.call("POST", RENEW, wanted=403)
    assert (await mina.prove(code=mina.code())).status_code == 200
    await mina.call("POST", RENEW, wanted=201)


async def test_a_session_by_password_is_no_proof_once_there_is_a_second_factor(
    auth: Auth,
) -> None:
    mina = await Member.of(auth)
    elsewhere = Member(auth, mina.user, (await auth.log_in(mina.user["email"]))["access_token"])
    await mina.set_up_totp()
    refused = await elsewhere.call("POST", RENEW, wanted=403)
    assert refused["code"] == "reauthentication_required"
    assert refused["methods"] == ["totp", "recovery_code"]
    await mina.call("POST", RENEW, wanted=201)


async def test_a_recovery_code_proves_once(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    auth.clock.advance(601)
    code = mina.recovery_codes[0]
    assert (await mina.prove(recovery_code=code)).status_code == 200
    await mina.call("POST", RENEW, wanted=201)
    again = await mina.prove(recovery_code=code)
    assert again.status_code == 403
    assert again.json()["code"] == "proof_refused"


async def test_a_code_that_logged_in_proves_nothing_more(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    code = mina.code()
    tokens = (await mina.second_step((await mina.first_step())["challenge"], code=code)).json()
    mina.token = tokens["access_token"]
    assert (await mina.prove(code=code)).status_code == 403


async def test_a_passkey_proves_who_is_there(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    auth.clock.advance(601)
    options = await mina.options("/api/auth/reauthenticate/passkey-options")
    assert len(options["allowCredentials"]) == 1
    assert (await mina.prove(passkey=mina.device.use(options))).status_code == 200
    await mina.call("POST", RENEW, wanted=201)


async def test_the_passkey_of_somebody_else_proves_nothing(auth: Auth) -> None:
    mina, juno = await Member.of(auth), await Member.of(auth)
    await mina.add_passkey()
    await juno.add_passkey()
    path = "/api/auth/reauthenticate/passkey-options"
    foreign = juno.device.use(await mina.options(path), juno.device.keys[0])
    assert (await mina.prove(passkey=foreign)).json()["code"] == "proof_refused"
    for_juno = juno.device.use(await juno.options(path))
    assert (await mina.prove(passkey=for_juno)).json()["code"] == "challenge_invalid"


async def test_a_challenge_to_log_in_is_none_to_prove(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    asked = await auth.http.post("/api/auth/passkeys/login/options")
    used = mina.device.use(asked.json()["public_key"])
    assert (await mina.prove(passkey=used)).json()["code"] == "challenge_invalid"


async def test_wrong_proofs_are_noted_and_delayed(auth: Auth) -> None:
    mina = await Member.of(auth)
    statuses = [(await mina.prove(password=f"Wrong{n}Horse")).status_code for n in range(7)]
    assert statuses[:5] == [403] * 5
    assert statuses[-1] == 429
    assert (await mina.prove(password=PASSWORD)).status_code == 429
    assert len(await mina.noted("factor.failed")) == 5
    auth.clock.advance(60)
    assert (await mina.prove(password=PASSWORD)).status_code == 200


async def test_guessed_codes_are_delayed_too(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    statuses = [(await mina.prove(code=mina.wrong_code())).status_code for _ in range(7)]
    assert statuses == [403] * 5 + [429] * 2


async def test_exactly_one_proof_is_sent(auth: Auth) -> None:
    mina = await Member.of(auth)
    none = await mina.prove()
    assert none.status_code == 422
    assert none.json()["errors"] == [
        {"field": "password", "message": "is required, or one of: code, recovery_code, passkey"}
    ]
    two = await mina.prove(password=PASSWORD, code="123456")
    assert two.json()["errors"][0]["field"] == "code"


async def test_guests_have_nothing_to_prove(auth: Auth) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    response = await auth.http.post(
        REAUTHENTICATE, json={"password": PASSWORD}, headers=bearer(guest["access_token"])
    )
    assert response.status_code == 403
    assert response.json()["code"] == "account_required"


async def test_an_ended_session_cannot_be_renewed(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.call("POST", "/api/auth/logout")
    assert (await mina.prove(password=PASSWORD)).status_code == 401


async def test_who_logs_in_with_a_passkey_has_proved_enough(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    await mina.add_passkey()
    tokens = (await log_in_with_passkey(auth, mina.device)).json()
    mina.token = tokens["access_token"]
    await mina.call("POST", RENEW, wanted=201)
