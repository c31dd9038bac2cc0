"""Live news of a job, as a front end hears them, over both topologies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import websockets

from gateway.realtime.recent import OVERLAP_SECONDS
from tests.support.front_end import FrontEnd, new_user
from tests.support.loopback import free_port
from tests.support.sockets import JOB_ENDED, Event, messages, socket, until
from tests.support.sound import speech
from tests.support.suite import Suite


def kinds(events: list[Event]) -> list[str]:
    """What happened, in order, and each once."""
    return list(dict.fromkeys(one["type"] for one in events if one["type"] != "snapshot"))


async def test_a_job_is_heard_from_the_queue_to_its_end(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    async with socket(suite.address, user) as opened, stream(user) as lines:
        assert opened.subprotocol == "madang"
        video = await user.upload(speech(tmp_path / "long.wav", 60))
        await user.submit(video["id"])
        heard = await until(opened, *JOB_ENDED)
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
    await interrupted(user, tmp_path, suite.address, suite.address)


async def test_nothing_is_missed_by_who_comes_back_to_another_replica(
    split_suite: Suite, tmp_path: Path
) -> None:
    user = await new_user(split_suite)
    async with aclosing(user.http), replica_of(split_suite) as address:
        await asyncio.sleep(OVERLAP_SECONDS)  # one that has just started gives snapshots
        await interrupted(user, tmp_path, split_suite.address, address)


async def interrupted(user: FrontEnd, folder: Path, first: str, second: str) -> None:
    """A job is heard from the `first` gateway until it has begun, and from the `second` to its
    end."""
    video = await user.upload(speech(folder / "long.wav", 90))
    async with socket(first, user) as witness, socket(first, user) as before:
        await until(witness, "snapshot")
        await until(before, "snapshot")
        job = await user.submit(video["id"])
        heard = await until(before, "jobs.job.progressed")
        await before.close()
        await asyncio.sleep(1)
        async with socket(second, user, heard[-1]["id"]) as after:
            heard += await until(after, *JOB_ENDED)
        all_there_was = await until(witness, *JOB_ENDED)
    ids = {one["id"] for one in heard}
    assert [one for one in all_there_was if one["id"] not in ids] == []
    assert kinds(heard)[-1] == "jobs.job.succeeded"
    assert "snapshot" not in {one["type"] for one in heard}
    assert heard[-1]["data"]["revision"] == (await user.job(job["id"]))["revision"]


@asynccontextmanager
async def replica_of(suite: Suite) -> AsyncIterator[str]:
    """A second process of the gateway; its address."""
    port = free_port()
    replica = suite.processes["gateway"].copy(suite.home / "replica.log", PORT=str(port))
    replica.start()
    suite.processes["replica"] = replica
    suite.health["replica"] = f"http://127.0.0.1:{port}/health/full"
    try:
        await suite.wait_ready("replica")
        yield f"http://127.0.0.1:{port}"
    finally:
        del suite.processes["replica"], suite.health["replica"]
        assert replica.stop() == 0


async def test_nobody_hears_of_what_is_not_theirs(
    suite: Suite, user: FrontEnd, other: FrontEnd
) -> None:
    async with socket(suite.address, other) as theirs:
        video = await user.upload()
        await user.finished((await user.submit(video["id"]))["id"])
        own = await other.upload()
        async for message in messages(theirs):
            if message["type"] == "snapshot":
                continue
            assert message["data"]["video_id"] == own["id"]
            break


async def test_logging_out_ends_the_connection(suite: Suite, user: FrontEnd) -> None:
    async with socket(suite.address, user) as opened:
        await until(opened, "snapshot")
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
            if value in JOB_ENDED:
                break
    return list(found)
