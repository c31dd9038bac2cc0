import asyncio
import json
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.integration.auth.conftest import PASSWORD, Auth
from tests.integration.auth.members import Member, log_in_with_passkey
from tests.support.authenticator import Authenticator, decoded, encoded

PASSKEYS = "/api/auth/passkeys"
LOG_IN = "/api/auth/passkeys/login"

# ---- registering


@pytest.mark.parametrize("packed", [False, True])
async def test_a_passkey_is_registered_and_listed(auth: Auth, packed: bool) -> None:
    mina = await Member.of(auth)
    passkey = await mina.add_passkey("  Mina's phone ", packed=packed)
    assert passkey["name"] == "Mina's phone"
    assert passkey["transports"] == ["internal"]
    assert passkey["backed_up"] is False
    assert (await mina.call("GET", PASSKEYS))["items"] == [passkey]
    assert (await mina.factors())["passkeys"] == [passkey]
    assert "factor_added" in await mina.letters()
    assert await mina.noted("factor.added") == [{"factor": "passkey"}]


async def test_the_options_ask_for_what_logs_in_without_a_password(auth: Auth) -> None:
    mina = await Member.of(auth)
    options = await mina.options()
    assert options["rp"] == {"id": "localhost", "name": "Madang"}
    assert options["attestation"] == "none"
    assert options["user"]["name"] == mina.user["email"]
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert len(decoded(options["challenge"])) == 32
    assert options["excludeCredentials"] == []
    await mina.add_passkey()
    excluded = (await mina.options())["excludeCredentials"]
    assert [one["id"] for one in excluded] == [encoded(mina.device.keys[0].id)]


async def test_recovery_codes_come_with_the_first_factor_alone(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    codes = mina.recovery_codes
    assert len(codes) == 10
    await mina.add_passkey("Second")
    assert mina.recovery_codes == codes
    challenge = (await mina.first_step())["challenge"]
    assert (await mina.second_step(challenge, recovery_code=codes[0])).is_success


async def test_a_challenge_registers_one_passkey(auth: Auth) -> None:
    mina = await Member.of(auth)
    options = await mina.options()
    first = mina.device.create(options)
    await mina.call("POST", PASSKEYS, {"name": "One", "credential": first}, 201)
    second = mina.device.create(options)
    refused = await mina.call("POST", PASSKEYS, {"name": "Two", "credential": second}, 410)
    assert refused["code"] == "challenge_invalid"


async def test_a_challenge_ends_after_five_minutes(auth: Auth) -> None:
    mina = await Member.of(auth)
    credential = mina.device.create(await mina.options())
    auth.clock.advance(301)
    await mina.call("POST", PASSKEYS, {"name": "Late", "credential": credential}, 410)


async def test_the_challenge_of_another_user_registers_nothing(auth: Auth) -> None:
    mina, juno = await Member.of(auth), await Member.of(auth)
    credential = mina.device.create(await juno.options())
    refused = await mina.call("POST", PASSKEYS, {"name": "Hers", "credential": credential}, 410)
    assert refused["code"] == "challenge_invalid"


async def test_the_challenge_of_a_log_in_registers_nothing(auth: Auth) -> None:
    mina = await Member.of(auth)
    options = await mina.options()
    asked = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
    credential = mina.device.create({**options, "challenge": asked["challenge"]})
    await mina.call("POST", PASSKEYS, {"name": "Mixed", "credential": credential}, 410)


async def test_a_passkey_belongs_to_one_account(auth: Auth) -> None:
    mina, juno = await Member.of(auth), await Member.of(auth)
    await mina.add_passkey()
    taken = mina.device.keys[0].id
    credential = juno.device.create(await juno.options())
    attestation = cbor2.loads(decoded(credential["response"]["attestationObject"]))
    attestation["authData"] = attestation["authData"].replace(juno.device.keys[0].id, taken)
    credential["response"]["attestationObject"] = encoded(cbor2.dumps(attestation))
    credential["id"] = credential["rawId"] = encoded(taken)
    refused = await juno.call("POST", PASSKEYS, {"name": "Copy", "credential": credential}, 409)
    assert refused["code"] == "passkey_taken"


@pytest.mark.parametrize(
    ("changes", "status", "code", "says"),
    [
        ({"verifies": False}, 422, "passkey_refused", "verification"),
        ({"present": False}, 422, "passkey_refused", "presence"),
        ({"rp_id": "evil.example"}, 422, "passkey_refused", "RP ID"),
        ({"origin": "https://evil.example"}, 403, "passkey_wrong_origin", "localhost:8000"),
        ({"origin": "http://127.0.0.1:8000"}, 403, "passkey_wrong_origin", "PASSKEY_RP_ID"),
    ],
)
async def test_what_was_not_made_for_us_is_refused(
    auth: Auth, changes: dict[str, Any], status: int, code: str, says: str
) -> None:
    mina = await Member.of(auth)
    mina.device = Authenticator(**changes)
    credential = mina.device.create(await mina.options())
    body = {"name": "Strange", "credential": credential}
    refused = await mina.call("POST", PASSKEYS, body, status)
    assert refused["code"] == code
    assert says in refused["detail"]
    assert (await mina.factors())["passkeys"] == []


async def test_a_forged_attestation_is_refused(auth: Auth) -> None:
    mina = await Member.of(auth)
    credential = mina.device.create(await mina.options(), packed=True)
    attestation = cbor2.loads(decoded(credential["response"]["attestationObject"]))
    signature = attestation["attStmt"]["sig"]
    attestation["attStmt"]["sig"] = signature[:-1] + bytes([signature[-1] ^ 1])
    credential["response"]["attestationObject"] = encoded(cbor2.dumps(attestation))
    body = {"name": "Forged", "credential": credential}
    assert (await mina.call("POST", PASSKEYS, body, 422))["code"] == "passkey_refused"


async def test_the_page_that_asks_is_told_at_once_when_it_cannot_use_passkeys(auth: Auth) -> None:
    mina = await Member.of(auth)
    headers = {"origin": "https://evil.example"}
    response = await mina.ask("POST", f"{PASSKEYS}/options", headers=headers)
    assert response.status_code == 403
    assert response.json()["code"] == "passkey_wrong_origin"
    asked = await auth.http.post(f"{LOG_IN}/options", headers=headers)
    assert asked.json()["code"] == "passkey_wrong_origin"


async def test_registering_needs_a_fresh_proof(auth: Auth) -> None:
    mina = await Member.of(auth)
    auth.clock.advance(601)
    refused = await mina.call("POST", f"{PASSKEYS}/options", wanted=403)
    assert refused["code"] == "reauthentication_required"


async def test_twenty_passkeys_are_enough(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    options = await mina.options()
    await auth.database.run(
        text(
            "INSERT INTO passkeys SELECT gen_random_uuid(), user_id, uuid_send(gen_random_uuid()),"
            " public_key, 0, name, transports, false, created_at FROM passkeys,"
            " generate_series(1, 19) WHERE user_id = :id"
        ),
        {"id": mina.id},
    )
    refused = await mina.call("POST", f"{PASSKEYS}/options", wanted=409)
    assert refused["code"] == "too_many_passkeys"
    body = {"name": "One more", "credential": mina.device.create(options)}
    assert (await mina.call("POST", PASSKEYS, body, 409))["code"] == "too_many_passkeys"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "tab\there"])
async def test_a_name_has_to_be_one(auth: Auth, name: str) -> None:
    mina = await Member.of(auth)
    passkey = await mina.add_passkey()
    refused = await mina.call("PATCH", f"{PASSKEYS}/{passkey['id']}", {"name": name}, 422)
    assert refused["errors"][0]["field"] == "name"


# ---- renaming and removing


async def test_a_passkey_can_be_renamed(auth: Auth) -> None:
    mina = await Member.of(auth)
    passkey = await mina.add_passkey()
    renamed = await mina.call("PATCH", f"{PASSKEYS}/{passkey['id']}", {"name": "휴대폰"})
    assert renamed == {**passkey, "name": "휴대폰"}


async def test_the_passkeys_of_others_do_not_exist(auth: Auth) -> None:
    mina, juno = await Member.of(auth), await Member.of(auth)
    passkey = await mina.add_passkey()
    path = f"{PASSKEYS}/{passkey['id']}"
    assert (await juno.call("PATCH", path, {"name": "Mine"}, 404))["code"] == "passkey_not_found"
    await juno.call("DELETE", path, wanted=404)
    assert (await mina.call("GET", PASSKEYS))["items"] == [passkey]


async def test_a_removed_passkey_logs_nobody_in(auth: Auth) -> None:
    mina = await Member.of(auth)
    passkey = await mina.add_passkey()
    await mina.call("DELETE", f"{PASSKEYS}/{passkey['id']}", wanted=204)
    assert await mina.factors() == {"totp": None, "passkeys": [], "recovery_codes_left": 0}
    assert (await log_in_with_passkey(auth, mina.device)).json()["code"] == "wrong_passkey"
    assert (await auth.log_in(mina.user["email"]))["user"]["id"] == mina.id
    assert "factor_removed" in await mina.letters()


async def test_recovery_codes_stay_while_another_factor_is_there(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    passkey = await mina.add_passkey()
    await mina.call("DELETE", f"{PASSKEYS}/{passkey['id']}", wanted=204)
    assert (await mina.factors())["recovery_codes_left"] == 10


async def test_the_last_way_in_cannot_be_removed(auth: Auth) -> None:
    mina = await Member.of(auth)
    first, second = await mina.add_passkey("One"), await mina.add_passkey("Two")
    await auth.database.run(
        text("UPDATE users SET password_hash = NULL WHERE id = :id"), {"id": mina.id}
    )
    answers = await asyncio.gather(
        *(mina.ask("DELETE", f"{PASSKEYS}/{one['id']}") for one in (first, second))
    )
    assert sorted(one.status_code for one in answers) == [204, 409]
    refused = next(one for one in answers if one.status_code == 409)
    assert refused.json()["code"] == "last_way_in"
    assert len((await mina.factors())["passkeys"]) == 1


async def test_an_account_without_a_password_proves_who_it_is_by_passkey(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    await auth.database.run(
        text("UPDATE users SET password_hash = NULL WHERE id = :id"), {"id": mina.id}
    )
    assert (await log_in_with_passkey(auth, mina.device)).status_code == 200
    form = {"username": mina.user["email"], "password": PASSWORD}
    assert (await auth.http.post("/api/auth/login", data=form)).status_code == 401


# ---- logging in


async def test_a_passkey_logs_in_without_a_password(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    asked = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
    assert asked["allowCredentials"] == []
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == "localhost"
    response = await log_in_with_passkey(auth, mina.device)
    assert response.status_code == 200
    assert response.json()["user"]["id"] == mina.id
    assert (await auth.me(response.json()["access_token"])).status_code == 200
    assert await mina.methods() == ["hwk"]
    (listed,) = (await mina.factors())["passkeys"]
    assert listed["last_used_at"] is not None


async def test_a_passkey_is_a_second_factor_too(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    refusal = await mina.first_step()
    assert refusal["methods"] == ["recovery_code", "passkey"]
    options = await mina.second_options(refusal["challenge"])
    assert [one["id"] for one in options["allowCredentials"]] == [encoded(mina.device.keys[0].id)]
    response = await mina.second_step(refusal["challenge"], passkey=mina.device.use(options))
    assert response.status_code == 200
    assert await mina.methods() == ["pwd", "hwk"]


async def test_the_passkey_of_another_account_is_no_second_factor(auth: Auth) -> None:
    mina, juno = await Member.of(auth), await Member.of(auth)
    await mina.add_passkey()
    await juno.add_passkey()
    challenge = (await mina.first_step())["challenge"]
    options = await mina.second_options(challenge)
    foreign = juno.device.use(options, juno.device.keys[0])
    assert (await mina.second_step(challenge, passkey=foreign)).status_code == 401
    junos = await juno.second_options((await juno.first_step())["challenge"])
    used = juno.device.use(junos)
    assert (await mina.second_step(challenge, passkey=used)).json()["code"] == "challenge_invalid"


async def test_an_assertion_is_good_once(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    options = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
    body = {"credential": mina.device.use(options)}
    assert (await auth.http.post(LOG_IN, json=body)).status_code == 200
    replayed = await auth.http.post(LOG_IN, json=body)
    assert replayed.status_code == 410
    assert replayed.json()["code"] == "challenge_invalid"


async def test_a_failed_try_uses_its_challenge_up(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    options = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
    mina.device.verifies = False
    body = {"credential": mina.device.use(options)}
    assert (await auth.http.post(LOG_IN, json=body)).status_code == 401
    mina.device.verifies = True
    body = {"credential": mina.device.use(options)}
    assert (await auth.http.post(LOG_IN, json=body)).status_code == 410


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"verifies": False}, 401, "wrong_passkey"),
        ({"present": False}, 401, "wrong_passkey"),
        ({"rp_id": "evil.example"}, 401, "wrong_passkey"),
        ({"origin": "https://evil.example"}, 403, "passkey_wrong_origin"),
    ],
)
async def test_an_assertion_that_is_not_for_us_is_refused(
    auth: Auth, changes: dict[str, Any], status: int, code: str
) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    for name, value in changes.items():
        setattr(mina.device, name, value)
    response = await log_in_with_passkey(auth, mina.device)
    assert response.status_code == status
    assert response.json()["code"] == code


def _other_type(credential: dict[str, Any]) -> None:
    client = json.loads(decoded(credential["response"]["clientDataJSON"]))
    client["type"] = "webauthn.create"
    credential["response"]["clientDataJSON"] = encoded(json.dumps(client).encode())


def _respaced(credential: dict[str, Any]) -> None:
    client = decoded(credential["response"]["clientDataJSON"])
    credential["response"]["clientDataJSON"] = encoded(client + b" ")


def _other_signature(credential: dict[str, Any]) -> None:
    signature = decoded(credential["response"]["signature"])
    credential["response"]["signature"] = encoded(signature[:-1] + bytes([signature[-1] ^ 1]))


def _other_count(credential: dict[str, Any]) -> None:
    data = decoded(credential["response"]["authenticatorData"])
    credential["response"]["authenticatorData"] = encoded(data[:-1] + b"\xff")


def _other_owner(credential: dict[str, Any]) -> None:
    credential["response"]["userHandle"] = encoded(bytes(16))


def _unknown(credential: dict[str, Any]) -> None:
    credential["id"] = credential["rawId"] = encoded(bytes(16))


def _two_ids(credential: dict[str, Any]) -> None:
    credential["id"] = encoded(bytes(16))


@pytest.mark.parametrize(
    "tamper",
    [
        _other_type, _respaced, _other_signature, _other_count, _other_owner, _unknown, _two_ids,
    ],
)  # fmt: skip
async def test_a_tampered_assertion_is_refused(
    auth: Auth, tamper: Callable[[dict[str, Any]], None]
) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    options = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
    credential = mina.device.use(options)
    tamper(credential)
    response = await auth.http.post(LOG_IN, json={"credential": credential})
    assert response.status_code == 401
    assert response.json()["code"] == "wrong_passkey"


async def test_a_copied_passkey_is_refused_and_noted(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    assert (await log_in_with_passkey(auth, mina.device)).status_code == 200
    mina.device.keys[0].count -= 1  # the copy does not know of the use
    response = await log_in_with_passkey(auth, mina.device)
    assert response.status_code == 401
    assert "copy" in response.json()["detail"]
    assert await mina.noted("factor.failed") == [{"factor": "passkey", "because": "sign_count"}]
    assert (await log_in_with_passkey(auth, mina.device)).status_code == 200


async def test_a_forged_count_accuses_nobody(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    assert (await log_in_with_passkey(auth, mina.device)).status_code == 200
    options = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
    credential = mina.device.use(options)
    data = decoded(credential["response"]["authenticatorData"])
    credential["response"]["authenticatorData"] = encoded(data[:-4] + bytes(4))
    assert (await auth.http.post(LOG_IN, json={"credential": credential})).status_code == 401
    assert await mina.noted("factor.failed") == []


async def test_passkeys_that_do_not_count_log_in_again_and_again(auth: Auth) -> None:
    mina = await Member.of(auth)
    mina.device = Authenticator(counts=False, backed_up=True)
    assert (await mina.add_passkey())["backed_up"] is True
    for _ in range(2):
        assert (await log_in_with_passkey(auth, mina.device)).status_code == 200


async def test_a_suspended_account_stays_shut(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    await auth.database.run(
        text("UPDATE users SET suspended_at = now() WHERE id = :id"), {"id": mina.id}
    )
    response = await log_in_with_passkey(auth, mina.device)
    assert response.status_code == 403
    assert response.json()["code"] == "account_suspended"


async def test_a_missing_field_is_named(auth: Auth) -> None:
    response = await auth.http.post(LOG_IN, json={"credential": {"id": "x", "response": {}}})
    assert response.status_code == 422
    fields = {one["field"] for one in response.json()["errors"]}
    assert {"credential.rawId", "credential.response.signature"} <= fields


# ---- rubbish

_BASE64URL = st.binary(max_size=300).map(encoded)
_CBOR = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-300, 2**40)
    | st.binary(max_size=90)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-5, 5) | st.text(max_size=6), inner, max_size=5)
    ),
    max_leaves=12,
)
_STATEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.integers(-300, 10),
        "sig": st.binary(max_size=80),
        "x5c": st.lists(st.binary(max_size=60), max_size=2),
        "ver": st.just("2.0"),
        "response": st.binary(max_size=40),
        "certInfo": st.binary(max_size=40),
        "pubArea": st.binary(max_size=40),
    },
)
_COSE = st.fixed_dictionaries(
    {
        1: st.integers(0, 4),
        3: st.sampled_from([-7, -8, -257, -35, 0]),
        -1: st.integers(0, 7) | st.binary(min_size=1, max_size=40),
        -2: st.binary(min_size=1, max_size=33) | st.integers(),
        -3: st.binary(min_size=1, max_size=33) | st.text(max_size=3),
    }
)
_FORMATS = st.sampled_from(
    ["none", "packed", "fido-u2f", "tpm", "apple", "android-key", "android-safetynet", "?"]
)
_QUIET = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def test_no_rubbish_breaks_the_registration(auth: Auth) -> None:
    mina = await Member.of(auth)
    options = await mina.options()
    good = mina.device.create(options)
    client = json.loads(decoded(good["response"]["clientDataJSON"]))
    data = cbor2.loads(decoded(good["response"]["attestationObject"]))["authData"]

    async def register(attestation: bytes) -> None:
        asked = await mina.options()
        told = json.dumps({**client, "challenge": asked["challenge"]}).encode()
        response = {"clientDataJSON": encoded(told), "attestationObject": encoded(attestation)}
        body = {"name": "Rubbish", "credential": {**good, "response": response}}
        answer = await mina.ask("POST", PASSKEYS, body)
        assert answer.status_code == 422, answer.text

    for attestation in _examples(
        st.binary(max_size=200)
        | _CBOR.map(cbor2.dumps)
        | st.builds(_with_key, st.just(data), _CBOR | _COSE)
        | st.builds(_attestation, _FORMATS, _STATEMENTS, st.just(data) | _cut(data)).filter(
            lambda made: made != cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        )
    ):
        await register(attestation)


async def test_no_rubbish_breaks_the_log_in(auth: Auth) -> None:
    mina = await Member.of(auth)
    await mina.add_passkey()
    for changes in _examples(
        st.fixed_dictionaries(
            {},
            optional={
                "clientDataJSON": _BASE64URL | _CBOR.map(_as_client_data),
                "authenticatorData": _BASE64URL,
                "signature": _BASE64URL,
                "userHandle": _BASE64URL | st.none(),
            },
        ).filter(lambda one: set(one) - {"userHandle"})
    ):
        options = (await auth.http.post(f"{LOG_IN}/options")).json()["public_key"]
        credential = mina.device.use(options)
        credential["response"] |= changes
        answer = await auth.http.post(LOG_IN, json={"credential": credential})
        assert answer.status_code in (401, 403, 410, 422), (changes, answer.text)


def _attestation(fmt: str, statement: dict[str, Any], data: bytes) -> bytes:
    return cbor2.dumps({"fmt": fmt, "attStmt": statement, "authData": data})


def _with_key(data: bytes, key: object) -> bytes:
    before = 32 + 1 + 4 + 16 + 2 + 16
    return _attestation("none", {}, data[:before] + cbor2.dumps(key))


def _cut(data: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(0, len(data) - 1).map(lambda length: data[:length])


def _as_client_data(told: object) -> str:
    return encoded(json.dumps(told, default=str).encode())


def _examples(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Examples for a coroutine, which Hypothesis cannot call in the loop of the service."""
    found: list[Any] = []

    @_QUIET
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found
