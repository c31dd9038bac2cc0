"""Guests who begin to work, and turn out to be users while a job runs, over both topologies."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.front_end import PASSWORD, FrontEnd, until
from tests.support.sound import speech
from tests.support.suite import SETTINGS, Suite

WELCOME, GUEST = int(SETTINGS["WELCOME_CREDITS"]), 5


@pytest.fixture
async def guest(suite: Suite) -> AsyncIterator[FrontEnd]:
    """A new guest with their credits."""
    found = FrontEnd(suite.client())
    found.session = await found.call("POST", "/api/auth/guest", 201)
    found.http.headers["authorization"] = f"Bearer {found.session['access_token']}"
    await until(found.has_credits)
    yield found
    await found.http.aclose()


async def begin_work(guest: FrontEnd, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A video of the guest's, and a job on it that runs."""
    video = await guest.upload(speech(folder / "long.wav", 60))
    job = await guest.submit(video["id"])
    return video, await guest.job_when(job["id"], {"running"})


async def test_a_guest_registers_while_a_job_runs(guest: FrontEnd, tmp_path: Path) -> None:
    assert await guest.balance() == {"balance": GUEST, "held": 0}
    video, job = await begin_work(guest, tmp_path)
    account = {
        "email": guest.email,
        "password": PASSWORD,
        "user_handle": guest.name,
        "guest_refresh_token": guest.session["refresh_token"],
    }
    registered = await guest.call("POST", "/api/auth/register", 201, json=account)
    assert registered["user"]["id"] == guest.session["user"]["id"]
    await guest.log_in()
    assert guest.session["user"]["guest"] is False
    assert [one["id"] for one in (await guest.call("GET", "/api/videos"))["items"]] == [video["id"]]
    assert (await guest.finished(job["id"]))["status"] == "succeeded"
    await guest.call("GET", f"/api/jobs/{job['id']}/captions.json")

    async def has_the_welcome() -> bool:
        return await guest.balance() == {"balance": WELCOME - job["credits"], "held": 0}

    await until(has_the_welcome)


async def test_a_guest_logs_in_while_a_job_runs(
    guest: FrontEnd, user: FrontEnd, tmp_path: Path
) -> None:
    video, job = await begin_work(guest, tmp_path)
    await user.log_in(guest_refresh_token=guest.session["refresh_token"])

    async def has_everything() -> bool:
        videos = await user.call("GET", "/api/videos")
        jobs = await user.call("GET", "/api/jobs")
        return [one["id"] for one in (*videos["items"], *jobs["items"])] == [video["id"], job["id"]]

    await until(has_everything)
    assert (await user.finished(job["id"]))["status"] == "succeeded"
    await user.call("GET", f"/api/jobs/{job['id']}/captions.json")
    assert await user.balance() == {"balance": WELCOME + GUEST - job["credits"], "held": 0}
    history = (await user.call("GET", "/api/credits/transactions"))["items"]
    assert [one["kind"] for one in history] == ["capture", "transfer", "grant"]
    assert sum(one["amount"] for one in history) == WELCOME + GUEST - job["credits"]
    await guest.call("GET", "/api/videos", 401)


async def test_a_guest_may_not_do_what_needs_an_account(guest: FrontEnd) -> None:
    refused = await guest.call("GET", "/api/auth/factors", 403)
    assert refused["code"] == "account_required"
    assert (await guest.call("GET", "/api/auth/me"))["guest"] is True
