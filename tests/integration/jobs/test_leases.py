"""Leases of several attempts at a time: what goes wrong with one is no matter of the others."""

import asyncio
from collections.abc import Mapping
from typing import cast

import msgspec
import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.queue import Queue
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.parts.domain import Part, PartLost
from jobs_service.work import leases
from jobs_service.work.helping import Helping
from jobs_service.work.parts import RecognisePart
from jobs_service.work.performing import Perform, Result
from jobs_service.work.progress import Progress
from jobs_service.work.use_cases import HandBackJob
from jobs_service.work.worker import WorkerLimits
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.ids import uuid7
from tests.integration.jobs.conftest import Setting
from tests.integration.jobs.test_worker import hang, when, working
from tests.support.jobs import submitting

LIMITS = WorkerLimits(concurrency=2, attempts=2, lease=2, attempt_time=30)


@pytest.fixture
async def jobs(database: Database, setting: Setting) -> list[Job]:
    owner = await setting.user(10)
    submit = submitting(database)
    videos = [await setting.video(owner) for _ in range(2)]
    return [await submit(owner, CaptionsRequest(video_id=one.id), None) for one in videos]


@pytest.fixture(autouse=True)
def fast_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.1)


def runs(job: Job) -> bool:
    return job.status is JobStatus.RUNNING


def slow_to_stop(stopped: asyncio.Event) -> Perform:
    async def perform(job: Job, progress: Progress) -> Result:
        try:
            return await hang(job, progress)
        finally:
            await asyncio.sleep(0.5)
            stopped.set()

    return perform


async def test_a_lost_job_that_is_slow_to_stop_does_not_end_its_worker(
    database: Database, jobs: list[Job]
) -> None:
    stopped = asyncio.Event()
    async with working(database, slow_to_stop(stopped)):
        for job in jobs:
            await when(database, job, runs)
        await CancelJob(database)(jobs[0].owner_id, jobs[0].id)
        async with asyncio.timeout(3):
            await stopped.wait()
        await asyncio.sleep(0.2)
        assert runs(await when(database, jobs[1], lambda _: True))


async def test_a_job_over_its_time_that_is_slow_to_stop_may_be_lost_meanwhile(
    database: Database, jobs: list[Job]
) -> None:
    stopped = asyncio.Event()
    limits = WorkerLimits(concurrency=2, attempts=2, lease=5, attempt_time=0.3)
    async with working(database, slow_to_stop(stopped), limits):
        for job in jobs:
            await when(database, job, runs)
        await asyncio.sleep(0.3)
        await CancelJob(database)(jobs[0].owner_id, jobs[0].id)
        other = await when(database, jobs[1], lambda one: one.status is JobStatus.FAILED)
    assert other.error_code == "time_limit"


async def test_a_job_that_somebody_writes_for_long_keeps_no_other_from_being_kept(
    database: Database, jobs: list[Job]
) -> None:
    lost = text("SELECT 1 FROM jobs WHERE id = :job AND lease_until < now()")
    async with working(database, hang, LIMITS):
        for job in jobs:
            await when(database, job, runs)
        async with database.transaction() as tx:
            await tx.run(text("SELECT 1 FROM jobs WHERE id = :job FOR UPDATE"), {"job": jobs[0].id})
            for _ in range(25):
                await asyncio.sleep(0.1)
                assert await database.one(lost, {"job": jobs[1].id}) is None


async def test_a_worker_may_claim_again_what_it_has_lost_and_not_stopped_yet(
    database: Database, jobs: list[Job]
) -> None:
    """As after the machine has slept, longer than the lease: both attempts are in its hands."""
    began: list[int] = []

    async def perform(job: Job, progress: Progress) -> Result:
        began.append(job.attempt)
        try:
            return await hang(job, progress)
        finally:
            await asyncio.sleep(0.5)

    lost = text("SELECT 1 FROM jobs WHERE lease_until < now()")
    limits = WorkerLimits(concurrency=3, attempts=3, lease=2, attempt_time=30)
    async with working(database, perform, limits) as worker:
        for job in jobs:
            await when(database, job, runs)
        past = text("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = :job")
        async with database.transaction() as tx:
            await tx.run(past, {"job": jobs[0].id})
            await Queue(tx).take_back_lost(3)
        worker.wake()
        await when(database, jobs[0], lambda one: runs(one) and one.attempt == 2)
        for _ in range(30):
            await asyncio.sleep(0.1)
            assert await database.one(lost) is None
        assert began.count(2) == 1


class Stubborn:
    """Stands for what recognises parts: slow to stop, however often it is told to."""

    providers: Mapping[str, object] = {}
    lease = 5.0

    def __init__(self) -> None:
        self.release = asyncio.Event()

    async def __call__(self, part: Part, progress: Progress) -> None:
        await self.release.wait()
        raise PartLost


async def test_a_part_may_be_claimed_again_by_whoever_has_lost_it_and_not_stopped_yet(
    database: Database,
) -> None:
    recognise = Stubborn()
    helping = Helping(database, cast(RecognisePart, recognise), "worker")
    first = Part(uuid7(), 0, uuid7(), "en", "sphinx", 0.0, 1.0, attempt=1, fence=1)
    claims = [first, msgspec.structs.replace(first, attempt=2, fence=2)]

    async def claim_any(*_: object) -> Part:
        return claims.pop(0)

    helping._parts.claim_any = claim_any  # type: ignore[assignment]
    parts = [await helping.claim(), await helping.claim()]
    assert helping.under_way == 2
    recognise.release.set()
    await asyncio.gather(*(helping.perform(part) for part in parts if part))
    assert helping.under_way == 0


async def test_a_worker_that_cannot_hand_back_ends_as_it_was_told(
    database: Database, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise DatabaseAway

    monkeypatch.setattr(HandBackJob, "__call__", away)
    async with working(database, hang):
        for job in jobs:
            await when(database, job, runs)
