import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from auth_service.administration.domain import LastAdmin
from auth_service.administration.use_cases import SetRoles
from auth_service.device import Device
from auth_service.sessions.use_cases import EndSessions
from shared.errors import Problem
from shared.security.principal import UserId
from tests.integration.auth.conftest import PASSWORD, Auth, bearer

USERS = "/api/admin/users"


async def make(auth: Auth, role: str) -> dict[str, Any]:
    """A new user with a role, logged in; with the header to call as this user."""
    user = await auth.register()
    set_roles = SetRoles(auth.database, EndSessions(auth.clock), auth.clock)
    await set_roles(None, UserId(UUID(user["id"])), (role,) if role else (), Device())
    tokens = await auth.log_in(user["email"])
    return {**user, **tokens, "headers": bearer(tokens["access_token"])}


class Admin:
    """An administrator at work."""

    def __init__(self, auth: Auth, user: dict[str, Any]) -> None:
        self.auth = auth
        self.user = user
        self.id: str = user["id"]

    async def call(self, method: str, path: str, wanted: int = 200, **more: Any) -> Any:
        answer = await self.auth.http.request(method, path, headers=self.user["headers"], **more)
        assert answer.status_code == wanted, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
async def admin(auth: Auth) -> Admin:
    """The only administrator."""
    return Admin(auth, await make(auth, "admin"))


async def refresh(auth: Auth, tokens: dict[str, Any]) -> httpx.Response:
    return await auth.refresh(tokens["refresh_token"])


CALLS = [
    ("GET", USERS, None),
    ("GET", f"{USERS}/01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42", None),
    ("PUT", f"{USERS}/01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42/suspension", {"reason": "x"}),
    ("DELETE", f"{USERS}/01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42/suspension", None),
    ("PUT", f"{USERS}/01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42/roles", {"roles": ["admin"]}),
    ("DELETE", f"{USERS}/01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42/sessions", None),
    ("GET", "/api/admin/roles", None),
    ("GET", "/api/admin/audit", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_nobody_but_those_with_the_role_may_administer(
    auth: Auth, method: str, path: str, body: Any
) -> None:
    assert (await auth.http.request(method, path, json=body)).status_code == 401
    user = await make(auth, "")
    refused = await auth.http.request(method, path, json=body, headers=user["headers"])
    assert refused.status_code == 403
    assert refused.json()["code"] == "scope_missing"


@pytest.mark.parametrize(("method", "path", "body"), [call for call in CALLS if call[0] != "GET"])
async def test_support_may_look_and_not_touch(
    auth: Auth, method: str, path: str, body: Any
) -> None:
    support = Admin(auth, await make(auth, "support"))
    assert (await support.call("GET", USERS))["items"]
    await support.call(method, path, 403, json=body)


@pytest.mark.parametrize(("method", "path", "body"), [call for call in CALLS if call[0] != "GET"])
async def test_what_is_dangerous_asks_who_is_there(
    admin: Admin, method: str, path: str, body: Any
) -> None:
    admin.auth.clock.advance(601)
    refused = await admin.call(method, path, 403, json=body)
    assert refused["code"] == "reauthentication_required"


async def test_users_are_found_by_how_their_address_or_handle_begins(admin: Admin) -> None:
    user = await admin.auth.register()
    for search in (user["email"][:14], user["user_handle"][:12].upper(), user["email"]):
        found = await admin.call("GET", USERS, params={"search": search})
        assert [one["user"]["id"] for one in found["items"]] == [user["id"]]
    assert (await admin.call("GET", USERS, params={"search": "100%_no"}))["items"] == []
    refused = await admin.call("GET", USERS, 422, params={"search": "m"})
    assert refused["errors"] == [{"field": "search", "message": "must have at least 2 characters"}]


async def test_the_list_goes_on_page_by_page(admin: Admin) -> None:
    users = [(await admin.auth.register())["id"] for _ in range(4)]
    seen, cursor = [], ""
    while True:
        page = await admin.call("GET", USERS, params={"limit": 2, "cursor": cursor})
        seen += [one["user"]["id"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [*reversed(users), admin.id]


async def test_the_list_is_filtered_by_state_and_role(admin: Admin) -> None:
    bad = await admin.auth.register()
    await admin.call("PUT", f"{USERS}/{bad['id']}/suspension", 204, json={"reason": "spam"})

    async def ids(**query: str) -> list[str]:
        found = await admin.call("GET", USERS, params=query)
        return [one["user"]["id"] for one in found["items"]]

    assert await ids(status="suspended") == [bad["id"]]
    assert await ids(status="active") == [admin.id]
    assert await ids(role="admin") == [admin.id]
    assert await ids(status="guest") == await ids(status="leaving") == []


async def test_one_user_is_seen_with_the_ways_in_and_no_secret(admin: Admin) -> None:
    user = await admin.auth.register()
    await admin.auth.log_in(user["email"])
    found = await admin.call("GET", f"{USERS}/{user['id']}")
    assert found["user"]["email"] == user["email"]
    assert found["ways_in"] == {
        "password": True, "totp": False, "passkeys": 0, "providers": [], "api_keys": 0,
        "sessions": 1,
    }  # fmt: skip
    assert "hash" not in str(found)
    nobody = "01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"
    assert (await admin.call("GET", f"{USERS}/{nobody}", 404))["code"] == "user_not_found"


async def test_a_suspended_user_is_out_at_once_and_in_again_later(admin: Admin) -> None:
    auth = admin.auth
    user = await auth.register()
    tokens = await auth.log_in(user["email"])
    suspension = f"{USERS}/{user['id']}/suspension"
    await admin.call("PUT", suspension, 204, json={"reason": "Sells spam."})

    assert (await auth.me(tokens["access_token"])).status_code == 401
    assert (await refresh(auth, tokens)).json()["code"] == "session_revoked"
    form = {"username": user["email"], "password": PASSWORD}
    refused = await auth.http.post("/api/auth/login", data=form)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_suspended")
    assert "spam" not in refused.text
    wrong = await auth.http.post("/api/auth/login", data={**form, "password": "Wrong7Horse"})
    assert wrong.json()["code"] == "wrong_credentials"  # tells strangers nothing

    await admin.call("DELETE", suspension, 204)
    await admin.call("DELETE", suspension, 204)
    await auth.log_in(user["email"])


async def test_a_log_in_that_races_a_suspension_leaves_no_session(admin: Admin) -> None:
    auth = admin.auth
    for _ in range(5):
        user = await auth.register()
        form = {"username": user["email"], "password": PASSWORD}

        async def log_in(form: dict[str, str] = form) -> httpx.Response:
            return await auth.http.post("/api/auth/login", data=form)

        path = f"{USERS}/{user['id']}/suspension"
        *answers, _ = await asyncio.gather(
            log_in(), log_in(), log_in(), admin.call("PUT", path, 204, json={"reason": "x"})
        )
        under_way = text("SELECT id FROM sessions WHERE user_id = :user AND revoked_at IS NULL")
        assert await auth.database.all(under_way, {"user": user["id"]}) == []
        for answer in answers:
            if answer.status_code == 200:
                assert (await refresh(auth, answer.json())).status_code == 401


async def test_administrators_neither_suspend_themselves_nor_the_last_of_them(
    admin: Admin,
) -> None:
    own = f"{USERS}/{admin.id}"
    refused = await admin.call("PUT", f"{own}/suspension", 409, json={"reason": "tired"})
    assert refused["code"] == "not_yourself"
    refused = await admin.call("PUT", f"{own}/roles", 409, json={"roles": ["support"]})
    assert refused["code"] == "last_admin"


async def test_the_last_administrator_stays(admin: Admin) -> None:
    refused = await admin.call("POST", "/api/users/deletion", 409)
    assert refused["code"] == "last_admin"
    other = Admin(admin.auth, await make(admin.auth, "admin"))
    await admin.call("POST", "/api/users/deletion", 202)
    assert (await other.call("POST", "/api/users/deletion", 409))["code"] == "last_admin"


async def test_two_administrators_cannot_take_away_each_others_role(admin: Admin) -> None:
    other = Admin(admin.auth, await make(admin.auth, "admin"))
    set_roles = SetRoles(admin.auth.database, EndSessions(admin.auth.clock), admin.auth.clock)

    async def demote(actor: Admin, user: Admin) -> Problem | None:
        try:
            await set_roles(UserId(UUID(actor.id)), UserId(UUID(user.id)), (), Device())
        except Problem as problem:
            return problem
        return None

    outcomes = await asyncio.gather(demote(admin, other), demote(other, admin))
    assert [type(one) for one in outcomes if one] == [LastAdmin]


async def test_roles_are_listed_with_what_they_allow(admin: Admin) -> None:
    found = await admin.call("GET", "/api/admin/roles")
    assert {one["role"] for one in found["items"]} == {"admin", "pro", "support"}


async def test_a_role_is_given_with_the_next_access_token(admin: Admin) -> None:
    auth = admin.auth
    user = await make(auth, "")
    path = f"{USERS}/{user['id']}/roles"
    await admin.call("PUT", path, 204, json={"roles": ["support", "support"]})
    assert (await auth.http.get(USERS, headers=user["headers"])).status_code == 403
    fresh = (await refresh(auth, user)).json()
    assert fresh["user"]["roles"] == ["support"]
    answer = await auth.http.get(USERS, headers=bearer(fresh["access_token"]))
    assert answer.status_code == 200


async def test_a_role_is_taken_away_at_once(admin: Admin) -> None:
    support = await make(admin.auth, "support")
    await admin.call("PUT", f"{USERS}/{support['id']}/roles", 204, json={"roles": []})
    answer = await admin.auth.http.get(USERS, headers=support["headers"])
    assert answer.status_code == 401


async def test_a_role_that_does_not_exist_is_named(admin: Admin) -> None:
    answer = await admin.call("PUT", f"{USERS}/{admin.id}/roles", 422, json={"roles": ["king"]})
    assert answer["errors"] == [
        {"field": "roles", "message": "'king' is no role; the roles are admin, support, pro"}
    ]


async def test_all_sessions_of_a_user_are_ended(admin: Admin) -> None:
    user = await admin.auth.register()
    sessions = [await admin.auth.log_in(user["email"]) for _ in range(3)]
    ended = await admin.call("DELETE", f"{USERS}/{user['id']}/sessions")
    assert ended == {"ended": 3}
    for tokens in sessions:
        assert (await admin.auth.me(tokens["access_token"])).status_code == 401


async def test_the_audit_log_tells_who_did_what_to_whom(admin: Admin) -> None:
    user = await admin.auth.register()
    await admin.call("PUT", f"{USERS}/{user['id']}/suspension", 204, json={"reason": "spam"})
    found = await admin.call("GET", "/api/admin/audit", params={"subject_id": user["id"]})
    (suspended, registered) = found["items"]
    assert (suspended["action"], suspended["actor_id"]) == ("admin.suspended", admin.id)
    assert suspended["details"] == {"reason": "spam"}
    assert (registered["action"], registered["actor_id"]) == ("account.registered", user["id"])

    by_action = await admin.call("GET", "/api/admin/audit", params={"action": "admin.suspended"})
    assert [one["id"] for one in by_action["items"]] == [suspended["id"]]
    by_actor = await admin.call("GET", "/api/admin/audit", params={"actor_id": user["id"]})
    assert [one["id"] for one in by_actor["items"]] == [registered["id"]]
    await admin.call("GET", "/api/admin/audit", 422, params={"action": "no such"})


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET action = 'nothing'", "DELETE FROM audit", "TRUNCATE audit"],
)
async def test_the_audit_log_cannot_be_changed(admin: Admin, change: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        await admin.auth.database.run(text(change))


async def test_a_list_of_users_is_served_by_indexes(admin: Admin) -> None:
    auth = admin.auth
    await auth.database.run(
        text(
            "INSERT INTO users (id, email, email_key, handle, handle_key, handle_skeleton,"
            " created_at) SELECT gen_random_uuid(), n || '@x.example', n || '@x.example',"
            " 'u' || n, 'u' || n, 'u' || n, now() FROM generate_series(1, 20000) n"
        )
    )
    await auth.database.run(text("ANALYZE users"))
    async with auth.database.transaction() as tx:
        await tx.run(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        plan = await tx.all(
            text(
                "EXPLAIN SELECT id FROM users WHERE (email_key ~>=~ 'mina-1' AND email_key ~<~"
                " 'mina-2') OR (handle_key ~>=~ 'mina-1' AND handle_key ~<~ 'mina-2')"
            )
        )
    told = "\n".join(row[0] for row in plan)
    assert "users_email_prefix" in told
    assert "users_handle_prefix" in told


async def test_null_bytes_are_named_and_never_reach_a_query(admin: Admin) -> None:
    for field, value in (("search", "mi\0na"), ("role", "admin\0")):
        found = await admin.call("GET", USERS, 422, params={field: value})
        assert [one["field"] for one in found["errors"]] == [field]
    somebody = await make(admin.auth, "")
    path = f"{USERS}/{somebody['id']}/suspension"
    refused = await admin.call("PUT", path, 422, json={"reason": "Sells\0spam."})
    assert [one["field"] for one in refused["errors"]] == ["reason"]
