"""Roles and test users at the command line, in both topologies and while nothing runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auth_service.seeding.domain import PASSWORD, PEOPLE
from tests.support.front_end import FrontEnd
from tests.support.suite import Suite, new_home
from tests.system.test_commands import typed


async def on(suite: Suite, cwd: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Run a command of `suite` as its operator would: `madang …`, or in auth's container."""
    if "suite" in suite.processes:
        home = str(suite.home / "data")
        return await typed("deploy.cli", *arguments, cwd=cwd, MADANG_HOME=home, **env)
    return await typed(
        "auth_service", *arguments, cwd=cwd, **{**suite.processes["auth"].env, **env}
    )


@asynccontextmanager
async def logged_in(suite: Suite, login: str) -> AsyncIterator[FrontEnd]:
    """Somebody whose password is that of tests, which is the seeded one."""
    async with suite.client() as http:
        front_end = FrontEnd(http)
        await front_end.log_in(username=login, password=PASSWORD)
        yield front_end


async def test_the_first_administrator_is_made_at_the_command_line(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    await user.call("GET", "/api/admin/users", 403)
    code, printed = await on(suite, tmp_path, "grant-role", user.email, "admin")
    assert (code, printed.strip()) == (0, f"{user.name} now has the roles: admin.")
    async with logged_in(suite, user.name) as admin:
        found = await admin.call("GET", "/api/admin/users", params={"search": user.email})
        query = {"action": "admin.roles_changed"}
        audit = await admin.call("GET", "/api/admin/audit", params=query)
    assert [one["user"]["roles"] for one in found["items"]] == [["admin"]]
    assert audit["items"][0]["user_agent"] == "command line"


@pytest.mark.parametrize(
    ("login", "role", "told"),
    [
        ("nobody@example.com", "admin", "No account has the e-mail address or handle"),
        ("", "king", "'king' is no role; the roles are admin, support"),
    ],
)
async def test_a_wrong_name_or_role_is_told(
    suite: Suite, user: FrontEnd, tmp_path: Path, login: str, role: str, told: str
) -> None:
    code, printed = await on(suite, tmp_path, "grant-role", login or user.email, role)
    assert code == 1
    assert told in printed


async def test_test_users_are_made_as_often_as_one_likes(suite: Suite, tmp_path: Path) -> None:
    code, printed = await on(suite, tmp_path, "seed")
    assert code == 0, printed
    assert f"20 test users, 20 of them new. The password of each: {PASSWORD}" in printed
    async with logged_in(suite, PEOPLE[2].email) as jisoo:
        await jisoo.call("PATCH", "/api/users/profile", json={"display_name": "Somebody Else"})
        code, printed = await on(suite, tmp_path, "seed")
        assert code == 0, printed
        assert "20 test users, 0 of them new" in printed
        profile = await jisoo.call("GET", "/api/users/profile")
        videos = (await jisoo.call("GET", "/api/videos"))["items"]
    assert profile["display_name"] == PEOPLE[2].display_name
    if "suite" in suite.processes:
        assert [video["state"] for video in videos] == ["ready"]
        assert "jisoo has a video already" in printed
        assert f"curl {suite.address}/api/auth/login -d username={PEOPLE[0].email}" in printed


async def test_test_users_are_refused_in_production(suite: Suite, tmp_path: Path) -> None:
    code, printed = await on(
        suite, tmp_path, "seed", ENVIRONMENT="production",
        SMTP_URL="smtp://mail.example", MAIL_FROM="no-reply@mail.example",
        PUBLIC_URL="https://api.example", OIDC_PROVIDERS="[]",
    )  # fmt: skip
    assert code == 1, printed
    assert "not in production" in printed


async def test_commands_work_while_nothing_runs(tmp_path: Path) -> None:
    home = str(new_home("madang-commands-"))
    code, printed = await typed(
        "deploy.cli", "grant-role", "nobody", "admin", cwd=tmp_path, MADANG_HOME=home
    )
    assert code == 1
    assert "No account has the e-mail address or handle 'nobody'" in printed
