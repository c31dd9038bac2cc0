"""Signing keys change under load, and are withdrawn, over both topologies."""

import asyncio
import re
import sys
import time
from collections import Counter
from pathlib import Path

import jwt

from tests.support.front_end import FrontEnd, new_user, until
from tests.support.suite import Suite
from tests.system.test_account_commands import on

PATHS = ("/api/auth/me", "/api/videos", "/api/jobs", "/api/credits/balance")
AHEAD_SECONDS = 2.0


def kid_of(user: FrontEnd) -> str:
    return str(jwt.get_unverified_header(user.session["access_token"])["kid"])


async def refresh(user: FrontEnd) -> None:
    body = {"refresh_token": user.session["refresh_token"]}
    user.session = await user.call("POST", "/api/auth/refresh", json=body)
    user.http.headers["authorization"] = f"Bearer {user.session['access_token']}"


async def work(user: FrontEnd, statuses: Counter[int], signed_by: set[str]) -> None:
    """Call every service in turn, with the newest token that can be had, until cancelled."""
    while True:
        for path in PATHS:
            statuses[(await user.http.get(path)).status_code] += 1
        await refresh(user)
        signed_by.add(kid_of(user))


async def test_not_one_request_fails_while_keys_rotate_twice(suite: Suite, tmp_path: Path) -> None:
    users = await asyncio.gather(*(new_user(suite) for _ in range(4)))
    old_timer = users[0]  # keeps the token of the first key
    statuses: Counter[int] = Counter()
    signed_by: set[str] = set()
    async with asyncio.TaskGroup() as group:
        load = [group.create_task(work(user, statuses, signed_by)) for user in users[1:]]
        made = []
        for _ in range(2):
            code, printed = await on(
                suite, tmp_path, "rotate-keys", KEY_PUBLISHED_AHEAD_SECONDS=str(AHEAD_SECONDS)
            )
            assert code == 0, printed
            found = re.search(r"The key (\S+) signs from", printed)
            assert found, printed
            made.append(found[1])
            while made[-1] not in signed_by:
                await asyncio.sleep(0.05)
        for path in PATHS:
            statuses[(await old_timer.http.get(path)).status_code] += 1
        for one in load:
            one.cancel()
    sys.stdout.write(f"{statuses.total()} requests while keys rotated twice: {dict(statuses)}\n")
    assert set(statuses) == {200}
    assert set(made) <= signed_by
    assert kid_of(old_timer) not in made
    for user in users:
        await user.http.aclose()


async def test_tokens_of_a_withdrawn_key_are_refused_and_users_go_on(
    suite: Suite, tmp_path: Path, user: FrontEnd
) -> None:
    old = kid_of(user)
    for path in PATHS:
        await user.call("GET", path)
    code, printed = await on(suite, tmp_path, "withdraw-keys")
    assert code == 0, printed
    withdrawn = time.monotonic()

    async def refused() -> bool:
        return (await user.http.get("/api/videos")).status_code == 401

    await until(refused, seconds=5)
    took = (time.monotonic() - withdrawn) * 1000
    sys.stdout.write(f"refused {took:.0f} ms after the command had ended\n")
    assert (await user.call("GET", "/api/videos", 401))["code"] == "token_invalid"

    async def goes_on() -> bool:
        await refresh(user)
        answers = [(await user.http.get(path)).status_code for path in PATHS]
        return kid_of(user) != old and set(answers) == {200}

    await until(goes_on, seconds=5)
    jwks = await user.call("GET", "/.well-known/jwks.json")
    assert old not in {one["kid"] for one in jwks["keys"]}
