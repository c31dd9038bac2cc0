"""Live news of a job, as a front end hears them, over both topologies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.support.front_end import FrontEnd
from tests.support.sound import speech
from tests.support.suite import Suite

ENDED = ("jobs.job.succeeded", "jobs.job.failed", "jobs.job.cancelled")
Event = dict[str, Any]


def socket(suite: Suite, user: FrontEnd, last_event_id: str = "") -> connect:
    """A WebSocket as a browser opens it."""
    return connect(
        f"{suite.address.replace('http', 'ws', 1)}/ws?last_event_id={last_event_id}",
        subprotocols=["madang", f"bearer.{user.session['access_token']}"],  # type: ignore[list-item]
        origin="https://app.example",  # type: ignore[arg-type]
        proxy=None,
    )


async def messages(opened: ClientConnection, seconds: float = 60) -> AsyncIterator[Event]:
    """What arrives, but `ready`."""
    async with asyncio.timeout(seconds):
        async for message in opened:
            decoded: Event = msgspec.json.decode(message)
            if decoded["type"] != "ready":
                yield decoded


async def until_ended(opened: ClientConnection, job_id: str) -> list[Event]:
    """All that arrives, up to the end of the job."""
    found = []
    async for message in messages(opened):
        found.append(message)
        if message["type"] in ENDED and message["data"]["job_id"] == job_id:
            return found
    raise AssertionError(f"the connection ended before the job: {found}")


def kinds(events: list[Event]) -> list[str]:
    """What happened, in order, and each once."""
    return list(dict.fromkeys(one["type"] for one in events if one["type"] != "snapshot"))


async def test_a_job_is_heard_from_the_queue_to_its_end(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    async with socket(suite, user) as opened, stream(user) as lines:
        assert opened.subprotocol == "madang"
        video = await user.upload(speech(tmp_path / "long.wav", 60))
        job = await user.submit(video["id"])
        heard = await until_ended(opened, job["id"])
        heard_by_stream = await kinds_in(lines)
    assert heard[0]["type"] == "snapshot"
    assert heard[0]["complete"] is True
    expected = [
        "content.video.ready",
        "jobs.job.queued",
        "jobs.job.started",
        "jobs.job.progressed",
        "jobs.job.succeeded",
    ]
    assert kinds(heard) == expected
    assert heard_by_stream == expected
    reached = [one["data"]["progress"] for one in heard if one["type"] == "jobs.job.progressed"]
    assert len(reached) >= 2
    assert reached == sorted(reached)
    assert 0 < reached[0] < reached[-1] < 1
    assert all(one["data"]["owner_id"] == user.session["user"]["id"] for one in heard[1:])


async def test_nothing_is_missed_by_who_comes_back_in_the_middle_of_a_job(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    async with socket(suite, user) as witness:
        async for message in messages(witness):
            assert message["type"] == "snapshot"
            break
        video = await user.upload(speech(tmp_path / "long.wav", 90))
        job = await user.submit(video["id"])
        heard = []
        async with socket(suite, user) as before:
            async for message in messages(before):
                heard.append(message)
                if message["type"] == "jobs.job.progressed":
                    break
        await asyncio.sleep(1)
        async with socket(suite, user, heard[-1]["id"]) as after:
            heard += await until_ended(after, job["id"])
        all_there_was = await until_ended(witness, job["id"])
    mine = {one["id"] for one in heard if "id" in one}
    revision = next(one for one in heard if one["type"] == "snapshot")["data"]["jobs"][0][
        "revision"
    ]
    missed = [
        one for one in all_there_was if one["id"] not in mine and one["data"]["revision"] > revision
    ]
    assert missed == []
    job_now = await user.job(job["id"])
    assert heard[-1]["type"] == "jobs.job.succeeded"
    assert heard[-1]["data"]["revision"] == job_now["revision"]


async def test_nobody_hears_of_what_is_not_theirs(
    suite: Suite, user: FrontEnd, other: FrontEnd
) -> None:
    async with socket(suite, other) as theirs:
        video = await user.upload()
        await user.finished((await user.submit(video["id"]))["id"])
        own = await other.upload()
        async for message in messages(theirs):
            if message["type"] == "snapshot":
                continue
            assert message["data"]["video_id"] == own["id"]
            break


async def test_logging_out_ends_the_connection(suite: Suite, user: FrontEnd) -> None:
    async with socket(suite, user) as opened:
        async for message in messages(opened):
            assert message["type"] == "snapshot"
            break
        refresh = {"refresh_token": user.session["refresh_token"]}
        answer = await user.http.post("/api/auth/logout", json=refresh)
        assert answer.is_success, answer.text
        try:
            async for _ in messages(opened, seconds=10):
                pass
        except websockets.ConnectionClosed:
            pass
        assert (opened.close_code, opened.close_reason) == (4401, "session_revoked")


@asynccontextmanager
async def stream(user: FrontEnd) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of an event stream."""
    async with user.http.stream("GET", "/api/events") as answer:
        assert answer.status_code == 200
        yield answer.aiter_lines()


async def kinds_in(lines: AsyncIterator[str]) -> list[str]:
    """What a stream tells until a job has ended."""
    found: dict[str, None] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if name == "event" and value != "snapshot":
            found[value] = None
            if value in ENDED:
                break
    return list(found)
