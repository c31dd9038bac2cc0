"""Processes killed while they recognise parts of a long video: only those parts are repeated."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.postgres.embedded import EmbeddedPostgres
from jobs_service.credits.repository import Credits
from shared.db.database import Database
from tests.faults.test_kills import charged
from tests.support.front_end import FrontEnd, new_user
from tests.support.loopback import free_port
from tests.support.sound import speech
from tests.support.suite import SETTINGS, Process, Suite, start_embedded

COUNT, PART_SECONDS = 5, 6
SECONDS = COUNT * PART_SECONDS
IN_PARTS = {"PART_SECONDS": str(PART_SECONDS), "WORKER_CONCURRENCY": "1"}
PARTS = text("SELECT number, attempt, state, worker FROM parts WHERE job_id = :job")


@pytest.fixture
async def jobs(suite_postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """The rows of the split suite's jobs; accounts must be balanced after each test."""
    database = Database(suite_postgres.url("jobs"), schema="jobs", source="test", pool_size=2)
    yield database
    unbalanced = await Credits(database).unbalanced()
    await database.close()
    assert unbalanced == []


@asynccontextmanager
async def two_workers(suite: Suite) -> AsyncIterator[list[Process]]:
    """Two workers of one job or part at a time, in the place of the suite's own."""
    own = suite.processes["worker"]
    assert own.stop() == 0
    names = ("first worker", "second worker")
    for name in names:
        port = free_port()
        suite.processes[name] = own.copy(suite.home / f"{name}.log", PORT=str(port), **IN_PARTS)
        suite.health[name] = f"http://127.0.0.1:{port}/health/ready"
    try:
        for name in names:
            suite.processes[name].start()
        await suite.wait_ready(*names)
        yield [suite.processes[name] for name in names]
    finally:
        for name in names:
            suite.processes.pop(name).stop()
            del suite.health[name]
        own.start()
        await suite.wait_ready("worker")


def told(log: Path, event: str) -> list[int]:
    """The parts of which a process says this, in order."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["part"] for line in lines if line["event"] == event]


async def test_of_a_worker_killed_in_mid_part_that_part_alone_is_repeated(
    split_suite: Suite, jobs: Database, tmp_path: Path
) -> None:
    user = await new_user(split_suite)
    async with two_workers(split_suite) as workers:
        video = await user.upload(speech(tmp_path / "talk.wav", SECONDS))
        job = await user.submit(video["id"])
        helper, lost = await _helper(jobs, job["id"], workers)
        helper.kill()
        attempts = await _attempts(jobs, user, job["id"])
        done = await user.finished(job["id"])
    assert (done["status"], done["attempt"]) == ("succeeded", 1)
    assert attempts == {number: 2 if number == lost else 1 for number in range(COUNT)}
    words = (await user.call("GET", f"/api/jobs/{job['id']}/captions.json"))["words"]
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    assert starts[-1] > SECONDS - PART_SECONDS
    await user.http.aclose()


async def _helper(jobs: Database, job_id: str, workers: list[Process]) -> tuple[Process, int]:
    """Who works on a part and does not hold the job, once a part is done; and which part."""
    by_name = {f"{socket.gethostname()}-{one.pid}": one for one in workers}
    holder = text("SELECT worker FROM jobs WHERE id = :job")
    async with asyncio.timeout(60):
        while True:
            rows = await jobs.all(PARTS, {"job": job_id})
            held = await jobs.one(holder, {"job": job_id})
            helped = [one for one in rows if one.state == "running" and held]
            others = [one for one in helped if held and one.worker != held.worker]
            if others and any(one.state == "done" for one in rows):
                return by_name[others[0].worker], others[0].number
            await asyncio.sleep(0.02)


async def _attempts(jobs: Database, user: FrontEnd, job_id: str) -> dict[int, int]:
    """How often each part has been tried when the job has ended."""
    found: dict[int, int] = {}
    while (await user.job(job_id))["status"] == "running":
        rows = await jobs.all(PARTS, {"job": job_id})
        found |= {row.number: row.attempt for row in rows}
        await asyncio.sleep(0.05)
    return found


async def test_an_embedded_suite_killed_in_mid_job_loses_nothing_that_is_done(
    tmp_path: Path,
) -> None:
    suite = await start_embedded(SETTINGS | IN_PARTS)
    try:
        user = await new_user(suite)
        log = suite.processes["suite"].log
        video = await user.upload(speech(tmp_path / "talk.wav", SECONDS))
        job = await user.submit(video["id"])
        async with asyncio.timeout(60):
            while len(told(log, "part_done")) < 2:
                await asyncio.sleep(0.05)
        suite.processes["suite"].kill()
        done_before = told(log, "part_done")
        started_before = len(told(log, "part_started"))
        suite.processes["suite"].start()
        await suite.wait_ready()
        assert (await user.call("GET", f"/api/videos/{video['id']}"))["state"] == "ready"
        assert (await user.finished(job["id"]))["status"] == "succeeded"
        assert await charged(user) == ["grant", "hold", "capture"]
        again = told(log, "part_started")[started_before:]
        assert set(again) == set(range(COUNT)) - set(done_before)
        await user.http.aclose()
    finally:
        assert set(suite.stop().values()) == {0}
