import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import text

from tests.integration.auth.conftest import Auth, bearer
from tests.integration.auth.members import Member

TOTP = "/api/auth/factors/totp"
CONFIRM = "/api/auth/factors/totp/confirm"


async def test_an_app_counts_once_a_code_has_confirmed_it(auth: Auth) -> None:
    mina = await Member.of(auth)
    begun = await mina.call("POST", TOTP, wanted=201)
    mina.secret = begun["secret"]
    assert (await mina.factors())["totp"] is None
    assert (await auth.log_in(mina.user["email"]))["user"]["id"] == mina.id

    code = mina.code()
    confirmed = await mina.call("POST", CONFIRM, {"code": f"{code[:3]} {code[3:]}"})
    assert len(set(confirmed["recovery_codes"])) == 10
    listed = await mina.factors()
    assert listed["totp"] is not None
    assert listed["recovery_codes_left"] == 10
    assert mina.secret not in str(listed)
    assert "totp" in (await mina.first_step())["methods"]


async def test_the_link_says_what_apps_need(auth: Auth) -> None:
    mina = await Member.of(auth)
    begun = await mina.call("POST", TOTP, wanted=201)
    link = urlsplit(begun["otpauth_uri"])
    assert (link.scheme, link.netloc) == ("otpauth", "totp")
    assert unquote(link.path) == f"/Madang:{mina.user['email']}"
    assert parse_qs(link.query) == {"secret": [begun["secret"]], "issuer": ["Madang"]}
    assert len(begun["secret"]) == 32  # 160 bits
    picture = ET.fromstring(begun["qr_svg"])
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert int(picture.attrib["width"]) >= 150


async def test_the_secret_is_sealed_for_its_owner(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    other = await (await Member.of(auth)).set_up_totp()
    row = await auth.database.one(
        text("SELECT sealed_secret FROM totp WHERE user_id = :id"), {"id": mina.id}
    )
    assert row is not None
    assert mina.secret.encode() not in row.sealed_secret
    await auth.database.run(
        text("UPDATE totp SET sealed_secret = :sealed WHERE user_id = :id"),
        {"sealed": row.sealed_secret, "id": other.id},
    )
    challenge = (await other.first_step())["challenge"]
    response = await other.second_step(challenge, code=mina.code())
    assert response.status_code == 500  # it does not open: the database was tampered with


async def test_a_wrong_code_confirms_nothing(auth: Auth) -> None:
    mina = await Member.of(auth)
    mina.secret = (await mina.call("POST", TOTP, wanted=201))["secret"]
    for wrong in (mina.wrong_code(), mina.code(-2), mina.code(2), "12345", "١٢٣٤٥٦", "abcdef"):
        refused = await mina.call("POST", CONFIRM, {"code": wrong}, 422)
        assert refused["errors"][0]["field"] == "code"
    assert (await mina.factors())["totp"] is None


async def test_to_begin_again_makes_another_secret(auth: Auth) -> None:
    mina = await Member.of(auth)
    mina.secret = (await mina.call("POST", TOTP, wanted=201))["secret"]
    old_code = mina.code()
    mina.secret = (await mina.call("POST", TOTP, wanted=201))["secret"]
    await mina.call("POST", CONFIRM, {"code": old_code}, 422)
    await mina.call("POST", CONFIRM, {"code": mina.code()})


async def test_a_confirmed_app_has_to_be_removed_first(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    assert (await mina.call("POST", TOTP, wanted=409))["code"] == "totp_active"
    again = await mina.call("POST", CONFIRM, {"code": mina.code()}, 409)
    assert again["code"] == "totp_active"
    await mina.call("DELETE", TOTP, wanted=204)
    await mina.call("POST", TOTP, wanted=201)


async def test_what_was_not_begun_cannot_be_confirmed_or_removed(auth: Auth) -> None:
    mina = await Member.of(auth)
    nothing = await mina.call("POST", CONFIRM, {"code": "123456"}, 404)
    assert nothing["code"] == "totp_not_found"
    await mina.call("DELETE", TOTP, wanted=404)


async def test_the_owner_is_told_when_an_app_comes_and_goes(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    await mina.call("DELETE", TOTP, wanted=204)
    assert [one for one in await mina.letters() if one.startswith("factor")] == [
        "factor_added",
        "factor_removed",
    ]
    assert await mina.noted("factor.added") == [{"factor": "totp"}]
    assert await mina.noted("factor.removed") == [{"factor": "totp"}]


async def test_recovery_codes_go_with_the_last_factor(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    await mina.call("DELETE", TOTP, wanted=204)
    assert await mina.factors() == {"totp": None, "passkeys": [], "recovery_codes_left": 0}
    assert (await auth.log_in(mina.user["email"]))["user"]["id"] == mina.id


async def test_setting_up_and_removing_need_a_fresh_proof(auth: Auth) -> None:
    mina = await Member.of(auth)
    auth.clock.advance(601)
    refused = await mina.call("POST", TOTP, wanted=403)
    assert refused["code"] == "reauthentication_required"
    assert refused["methods"] == ["password"]
    assert (await mina.prove(password=mina.user["password"])).status_code == 200
    await mina.set_up_totp()
    auth.clock.advance(200)
    mina.token = await _fresh_token(mina)
    auth.clock.advance(601)
    refused = await mina.call("DELETE", TOTP, wanted=403)
    assert refused["methods"] == ["totp", "recovery_code"]


async def _fresh_token(mina: Member) -> str:
    challenge = (await mina.first_step())["challenge"]
    token: str = (await mina.second_step(challenge, code=mina.code())).json()["access_token"]
    return token


async def test_guests_register_first(auth: Auth) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    headers = bearer(guest["access_token"])
    response = await auth.http.post(TOTP, headers=headers)
    assert response.status_code == 403
    assert response.json()["code"] == "account_required"
