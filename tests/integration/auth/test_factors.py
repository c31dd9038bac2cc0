from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from tests.integration.auth.conftest import Auth
from tests.integration.auth.members import Member


async def an_admin(auth: Auth) -> Member:
    """Somebody who administers."""
    admin = await Member.of(auth)
    await auth.database.run(
        text("UPDATE users SET roles = '{admin}' WHERE id = :id"), {"id": admin.id}
    )
    admin.token = (await auth.log_in(admin.user["email"]))["access_token"]
    return admin


async def remove_factors(admin: Member, user_id: str) -> httpx.Response:
    """What an administrator does for somebody who has lost everything."""
    return await admin.ask("DELETE", f"/api/admin/users/{user_id}/factors")


async def test_somebody_without_factors_has_none(auth: Auth) -> None:
    mina = await Member.of(auth)
    assert await mina.factors() == {"totp": None, "passkeys": [], "recovery_codes_left": 0}


async def test_factors_are_told_to_nobody_without_a_session(auth: Auth) -> None:
    assert (await auth.http.get("/api/auth/factors")).status_code == 401


async def test_all_factors_are_listed_without_secrets(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    passkey = await mina.add_passkey()
    listed = await mina.factors()
    assert listed["passkeys"] == [passkey]
    assert set(passkey) == {
        "id", "name", "transports", "backed_up", "created_at", "last_used_at",
    }  # fmt: skip
    assert set(listed["totp"]) == {"confirmed_at"}
    assert listed["recovery_codes_left"] == 10
    assert not any(code in str(listed) for code in mina.recovery_codes)


async def test_recovery_codes_are_kept_as_keyed_hashes(auth: Auth) -> None:
    mina = await (await Member.of(auth)).set_up_totp()
    rows = await auth.database.all(
        text("SELECT hash FROM recovery_codes WHERE user_id = :id"), {"id": mina.id}
    )
    assert {len(row.hash) for row in rows} == {32}
    kept = b"".join(row.hash for row in rows)
    assert not any(code.replace("-", "").encode() in kept for code in mina.recovery_codes)


async def test_an_administrator_can_remove_what_somebody_has_lost(auth: Auth) -> None:
    mina, admin = await (await Member.of(auth)).set_up_totp(), await an_admin(auth)
    await mina.add_passkey()
    assert (await remove_factors(admin, mina.id)).status_code == 204
    assert (await auth.me(mina.token)).status_code == 401  # the lost phone is logged out
    mina.token = (await auth.log_in(mina.user["email"]))["access_token"]
    assert await mina.factors() == {"totp": None, "passkeys": [], "recovery_codes_left": 0}
    assert await mina.noted("factor.removed") == [{"factor": "totp"}, {"factor": "passkey"}]
    row = await auth.database.one(
        text("SELECT actor_id FROM audit WHERE subject_id = :id AND action = 'factor.removed'"),
        {"id": mina.id},
    )
    assert row is not None
    assert str(row.actor_id) == admin.id
    assert (await mina.letters()).count("factor_removed") == 2


async def test_an_app_that_never_counted_is_removed_without_a_word(auth: Auth) -> None:
    mina, admin = await Member.of(auth), await an_admin(auth)
    await mina.call("POST", "/api/auth/factors/totp", wanted=201)
    assert (await remove_factors(admin, mina.id)).status_code == 204
    assert "factor_removed" not in await mina.letters()
    assert (await auth.me(mina.token)).status_code == 200


async def test_factors_of_others_are_removed_by_administrators_alone(auth: Auth) -> None:
    mina, juno = await (await Member.of(auth)).set_up_totp(), await Member.of(auth)
    assert (await remove_factors(juno, mina.id)).json()["code"] == "scope_missing"
    admin = await an_admin(auth)
    assert (await remove_factors(admin, admin.id)).json()["code"] == "not_yourself"
    assert (await remove_factors(admin, str(uuid4()))).json()["code"] == "user_not_found"
    auth.clock.advance(601)
    refused = await remove_factors(admin, mina.id)
    assert refused.json()["code"] == "reauthentication_required"
    assert (await mina.factors())["totp"] is not None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/auth/factors"),
        ("POST", "/api/auth/factors/totp"),
        ("DELETE", "/api/auth/factors/totp"),
        ("POST", "/api/auth/factors/recovery-codes"),
        ("POST", "/api/auth/passkeys/options"),
        ("GET", "/api/auth/passkeys"),
        ("POST", "/api/auth/reauthenticate/passkey-options"),
    ],
)
async def test_guests_have_no_factors(auth: Auth, method: str, path: str) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    headers = {"authorization": f"Bearer {guest['access_token']}"}
    response = await auth.http.request(method, path, headers=headers)
    assert response.status_code == 403
    assert response.json()["code"] == "account_required"
