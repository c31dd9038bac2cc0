"""API keys: made, listed, revoked, and exchanged for access tokens."""

import asyncio
import re
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import text

from auth_service.api_keys.domain import KEPT_FOR
from auth_service.secrets import hash_of
from auth_service.tokens.pruner import Pruner
from shared.security.api_keys import EXCHANGE_PATH, is_well_formed
from shared.security.service_tokens import ServiceTokens
from tests.integration.auth.conftest import SECRET, Auth, StartAuth, bearer, service_bearer
from tests.integration.auth.letters import letters_to
from tests.integration.auth.members import Member

PATH = "/api/auth/api-keys"
READ_AND_WRITE = ["videos:read", "videos:write"]


async def make(member: Member, wanted: int = 201, **changes: object) -> Any:
    """A new key of `member`."""
    body = {"name": "import", "scopes": READ_AND_WRITE} | changes
    return await member.call("POST", PATH, body, wanted)


async def exchange(auth: Auth, key: str) -> dict[str, Any]:
    """What auth tells the gateway of a key."""
    token = ServiceTokens(SECRET, "gateway", auth.clock).for_service("auth")
    response = await auth.http.post(EXCHANGE_PATH, json={"key": key}, headers=bearer(token))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


# ---- making


async def test_a_new_key_is_told_once(auth: Auth) -> None:
    member = await Member.of(auth)
    made = await make(member, name="  nightly import ")
    key, view = made["key"], made["api_key"]
    assert re.fullmatch(r"mdg_[0-9A-Za-z]{49}", key)
    assert is_well_formed(key)
    assert (view["name"], view["prefix"]) == ("nightly import", key[:12])
    assert view["scopes"] == READ_AND_WRITE
    assert view["expires_at"] is view["last_used_at"] is view["revoked_at"] is None
    listed = await member.call("GET", PATH)
    assert listed["items"] == [view]
    assert key not in str(listed)


async def test_the_database_holds_a_hash_alone(auth: Auth) -> None:
    member = await Member.of(auth)
    key = (await make(member))["key"]
    rows = await auth.database.all(
        text("SELECT api_keys::text AS whole, hash FROM api_keys WHERE user_id = :id"),
        {"id": member.id},
    )
    assert [row.hash for row in rows] == [hash_of(key)]
    assert key[12:] not in rows[0].whole


async def test_a_new_key_is_noted_and_its_owner_told(auth: Auth) -> None:
    member = await Member.of(auth)
    made = await make(member, name="import")
    letters = await letters_to(auth, member.user["email"])
    assert [one.values["name"] for one in letters if one.template == "api_key_made"] == ["import"]
    rows = await auth.database.all(
        text("SELECT details FROM audit WHERE subject_id = :id AND action = 'api_key.made'"),
        {"id": member.id},
    )
    assert [row.details for row in rows] == [
        {"api_key": made["api_key"]["id"], "scopes": READ_AND_WRITE}
    ]


async def test_an_unknown_scope_is_refused_with_the_right_ones(auth: Auth) -> None:
    member = await Member.of(auth)
    refused = await make(member, 422, scopes=["videos:read", "videos:burn"])
    (mistake,) = refused["errors"]
    assert mistake["field"] == "scopes"
    assert "videos:burn" in mistake["message"]
    assert "videos:write" in mistake["message"]
    assert "admin:" not in mistake["message"].partition("choose among")[2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", []),
        ("name", ""),
        ("name", " "),
        ("name", "two\nlines"),
        ("name", "n" * 101),
        ("expires_in_days", 0),
        ("expires_in_days", 4000),
    ],
)
async def test_what_cannot_be_is_refused_by_name(auth: Auth, field: str, value: object) -> None:
    refused = await make(await Member.of(auth), 422, **{field: value})
    assert [one["field"] for one in refused["errors"]] == [field]


async def test_scopes_of_roles_are_for_keys_of_who_has_the_role(auth: Auth) -> None:
    member = await Member.of(auth)
    await make(member, 422, scopes=["admin:users:read"])
    await give_roles(auth, member, "support")
    key = (await make(member, scopes=["admin:users:read", "videos:read"]))["key"]
    claims = claims_of((await exchange(auth, key))["access_token"])
    assert claims["scopes"] == ["admin:users:read", "videos:read"]
    await give_roles(auth, member)
    claims = claims_of((await exchange(auth, key))["access_token"])
    assert claims["scopes"] == ["videos:read"]


async def give_roles(auth: Auth, member: Member, *roles: str) -> None:
    """Let `member` have these roles and no other."""
    await auth.database.run(
        text("UPDATE users SET roles = :roles WHERE id = :id"),
        {"roles": list(roles), "id": member.id},
    )


async def test_there_may_be_so_many_keys_that_can_be_used(start_auth: StartAuth) -> None:
    async with start_auth(api_keys_per_user=2) as auth:
        member = await Member.of(auth)
        first = await make(member)
        await make(member, expires_in_days=1)
        refused = await make(member, 409)
        assert refused["code"] == "too_many_api_keys"
        await member.call("DELETE", f"{PATH}/{first['api_key']['id']}", wanted=204)
        await make(member)


async def test_many_made_at_once_keep_to_the_limit(start_auth: StartAuth) -> None:
    async with start_auth(api_keys_per_user=3) as auth:
        member = await Member.of(auth)
        body = {"name": "import", "scopes": READ_AND_WRITE}
        answers = await asyncio.gather(*(member.ask("POST", PATH, body) for _ in range(8)))
        statuses = sorted(one.status_code for one in answers)
        assert statuses == [201] * 3 + [409] * 5


async def test_a_key_is_made_after_a_fresh_proof_alone(auth: Auth) -> None:
    member = await Member.of(auth)
    auth.clock.advance(11 * 60)
    refused = await make(member, 403)
    assert refused["code"] == "reauthentication_required"
    await member.call("GET", PATH)  # looking is no danger


async def test_guests_have_no_keys(auth: Auth) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()
    body = {"name": "import", "scopes": READ_AND_WRITE}
    response = await auth.http.post(PATH, json=body, headers=bearer(guest["access_token"]))
    assert (response.status_code, response.json()["code"]) == (403, "account_required")


async def test_keys_are_listed_page_by_page_and_for_their_owner_alone(auth: Auth) -> None:
    member, other = await Member.of(auth), await Member.of(auth)
    made = [(await make(member, name=f"key {number}"))["api_key"]["id"] for number in range(3)]
    page = await member.call("GET", f"{PATH}?limit=2")
    rest = await member.call("GET", f"{PATH}?limit=2&cursor={page['next_cursor']}")
    assert [one["id"] for one in page["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
    assert (await other.call("GET", PATH))["items"] == []


# ---- exchanging


async def test_a_key_is_exchanged_for_a_short_token_of_its_scopes(auth: Auth) -> None:
    member = await Member.of(auth)
    await give_roles(auth, member, "admin")
    made = await make(member)
    answer = await exchange(auth, made["key"])
    claims = claims_of(answer["access_token"])
    assert claims["sub"] == member.id
    assert claims["sid"] == made["api_key"]["id"]
    assert (claims["scopes"], claims["roles"]) == (READ_AND_WRITE, [])
    assert claims["api_key"] is True
    assert claims["exp"] - claims["iat"] == 300


async def test_a_key_has_the_plan_of_its_owner(auth: Auth) -> None:
    member = await Member.of(auth)
    key = (await make(member, scopes=["videos:read"]))["key"]
    await give_roles(auth, member, "pro")
    claims = claims_of((await exchange(auth, key))["access_token"])
    assert claims["scopes"] == ["videos:read", "plan:pro"]
    refused = await make(member, 422, scopes=["plan:pro"])
    assert "plan:" not in refused["errors"][0]["message"].partition("among")[2]


async def test_the_token_reaches_what_its_scope_is_for_and_nothing_else(auth: Auth) -> None:
    member = await Member.of(auth)
    read = await exchange(auth, (await make(member, scopes=["profile:read"]))["key"])
    other = await exchange(auth, (await make(member, scopes=["jobs:read"]))["key"])
    assert (await auth.me(read["access_token"])).status_code == 200
    refused = await auth.me(other["access_token"])
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH),
        ("POST", PATH),
        ("DELETE", f"{PATH}/01980a3e-7b1c-7f00-8a51-3c5d1e0f9b44"),
        ("POST", "/api/auth/logout"),
        ("GET", "/api/auth/factors"),
    ],
)
async def test_the_account_itself_is_closed_to_keys(auth: Auth, method: str, path: str) -> None:
    member = await Member.of(auth)
    await give_roles(auth, member, "admin")
    everything = ["profile:read", "profile:write", "admin:users:write", *READ_AND_WRITE]
    token = (await exchange(auth, (await make(member, scopes=everything))["key"]))["access_token"]
    response = await auth.http.request(method, path, headers=bearer(token), json={})
    assert (response.status_code, response.json()["code"]) == (403, "session_required")


async def test_the_last_use_is_remembered(auth: Auth) -> None:
    member = await Member.of(auth)
    key = (await make(member))["key"]
    auth.clock.advance(60)
    await exchange(auth, key)
    (listed,) = (await member.call("GET", PATH))["items"]
    assert listed["last_used_at"] == auth.clock.now().isoformat().replace("+00:00", "Z")


async def test_a_token_never_outlives_its_key(auth: Auth) -> None:
    member = await Member.of(auth)
    key = (await make(member, expires_in_days=1))["key"]
    auth.clock.advance(24 * 3600 - 60)
    claims = claims_of((await exchange(auth, key))["access_token"])
    assert claims["exp"] - claims["iat"] == 60
    auth.clock.advance(60)
    assert (await exchange(auth, key))["refusal"] == "expired"


async def test_a_key_that_nobody_made_is_unknown(auth: Auth) -> None:
    assert await exchange(auth, "mdg_" + "0" * 49) == {
        "access_token": "",
        "expires_at": None,
        "refusal": "unknown",
    }


async def test_the_key_of_a_suspended_owner_is_refused_until_they_are_let_in_again(
    auth: Auth,
) -> None:
    member = await Member.of(auth)
    key = (await make(member))["key"]
    suspend = text("UPDATE users SET suspended_at = :at WHERE id = :id")
    await auth.database.run(suspend, {"at": auth.clock.now(), "id": member.id})
    assert (await exchange(auth, key))["refusal"] == "owner_suspended"
    await auth.database.run(suspend, {"at": None, "id": member.id})
    assert (await exchange(auth, key))["access_token"]


@pytest.mark.parametrize("who", ["jobs", "a user", "nobody"])
async def test_the_exchange_is_the_gateways_alone(auth: Auth, who: str) -> None:
    member = await Member.of(auth)
    headers = {"jobs": service_bearer(auth.clock), "a user": bearer(member.token), "nobody": {}}
    key = (await make(member))["key"]
    response: httpx.Response = await auth.http.post(
        EXCHANGE_PATH, json={"key": key}, headers=headers[who]
    )
    assert response.status_code == (403 if who == "jobs" else 401)


# ---- revoking


async def test_a_revoked_key_and_its_tokens_are_refused_from_then_on(auth: Auth) -> None:
    member = await Member.of(auth)
    made = await make(member, scopes=["profile:read"])
    token = (await exchange(auth, made["key"]))["access_token"]
    key_id = made["api_key"]["id"]
    for _ in range(2):  # a second time changes nothing
        await member.call("DELETE", f"{PATH}/{key_id}", wanted=204)
    assert (await exchange(auth, made["key"]))["refusal"] == "revoked"
    assert (await auth.me(token)).json()["code"] == "session_revoked"
    assert len(await auth.announced("auth.session.revoked", key_id)) == 1
    assert (await member.call("GET", PATH))["items"][0]["revoked_at"]
    noted = text("SELECT 1 FROM audit WHERE subject_id = :id AND action = 'api_key.revoked'")
    assert len(await auth.database.all(noted, {"id": member.id})) == 1


async def test_nobody_revokes_the_key_of_another(auth: Auth) -> None:
    member, other = await Member.of(auth), await Member.of(auth)
    made = await make(member)
    refused = await other.call("DELETE", f"{PATH}/{made['api_key']['id']}", wanted=404)
    assert refused["code"] == "api_key_not_found"
    assert (await exchange(auth, made["key"]))["access_token"]


async def test_keys_that_are_long_over_are_forgotten(auth: Auth) -> None:
    member = await Member.of(auth)
    kept = (await make(member))["api_key"]["id"]
    await make(member, expires_in_days=1)
    revoked = await make(member)
    await member.call("DELETE", f"{PATH}/{revoked['api_key']['id']}", wanted=204)
    pruner = Pruner(auth.database, auth.clock)
    await pruner.prune()
    assert len((await member.call("GET", PATH))["items"]) == 3
    auth.clock.advance((KEPT_FOR.days + 2) * 24 * 3600)
    await pruner.prune()
    member.token = (await auth.log_in(member.user["email"]))["access_token"]
    assert [one["id"] for one in (await member.call("GET", PATH))["items"]] == [kept]
