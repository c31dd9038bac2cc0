"""Passwords through the gateway, in both topologies."""

import httpx

from tests.support.front_end import PASSWORD, FrontEnd, until
from tests.support.suite import Suite

NEW = "Better8Battery"


async def test_a_changed_password_ends_the_other_sessions_everywhere(
    user: FrontEnd, suite: Suite
) -> None:
    form = {"username": user.email, "password": PASSWORD}
    async with httpx.AsyncClient(base_url=suite.address) as elsewhere:
        other = (await elsewhere.post("/api/auth/login", data=form)).json()
        elsewhere.headers["authorization"] = f"Bearer {other['access_token']}"
        assert (await elsewhere.get("/api/jobs")).status_code == 200
        change = {"current_password": PASSWORD, "new_password": NEW}
        await user.call("POST", "/api/auth/password", 204, json=change)

        async def is_refused() -> bool:
            return (await elsewhere.get("/api/jobs")).status_code == 401

        await until(is_refused)
        await user.call("GET", "/api/jobs")
        del elsewhere.headers["authorization"]
        new = await elsewhere.post("/api/auth/login", data=form | {"password": NEW})
        assert new.status_code == 200, new.text


async def test_a_guesser_is_delayed_and_told_how_long(suite: Suite) -> None:
    form = {"username": "nobody-guessed@example.com", "password": "Wrong7Horse"}
    async with httpx.AsyncClient(base_url=suite.address) as guesser:
        answers = [await guesser.post("/api/auth/login", data=form) for _ in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert answers[-1].json()["code"] == "login_delayed"
    assert int(answers[-1].headers["retry-after"]) >= 1
