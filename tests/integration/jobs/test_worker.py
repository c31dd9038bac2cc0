"""The worker itself: what it does with every way in which a job can end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.events import JobProgressed
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.work import leases
from jobs_service.work import progress as progress_module
from jobs_service.work import worker as module
from jobs_service.work.performing import Perform, Result
from jobs_service.work.progress import Progress, ProgressReports
from jobs_service.work.sources import SourceGone, SourceUnavailable
from jobs_service.work.use_cases import SweepJobs
from jobs_service.work.worker import Worker, WorkerLimits
from shared.db.database import Database
from shared.messaging.broker import Broadcast
from shared.messaging.event import Envelope
from shared.messaging.in_process import InProcessBroker
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import captioned, submitting
from tests.support.tracks import TRACK

LIMITS = WorkerLimits(concurrency=2, attempts=2, lease=5, attempt_time=30)


@asynccontextmanager
async def working(
    database: Database,
    perform: Perform,
    limits: WorkerLimits = LIMITS,
    broker: InProcessBroker | None = None,
) -> AsyncIterator[Worker]:
    reports = ProgressReports(broker or InProcessBroker())
    worker = Worker(database, "worker", 10, limits, {"captions": perform}, reports)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(worker.run(lambda: None))
        yield worker
        running.cancel()


@pytest.fixture
async def job(database: Database, setting: Setting) -> Job:
    owner = await setting.user(10)
    video = await setting.video(owner)
    submit = submitting(database)
    return await submit(owner, CaptionsRequest(video_id=video.id), None)


async def state_of(database: Database, job: Job) -> Job:
    found = await Jobs(database).find(job.owner_id, job.id)
    assert found is not None
    return found


async def when(
    database: Database, job: Job, met: Callable[[Job], bool], seconds: float = 10
) -> Job:
    async with asyncio.timeout(seconds):
        while not met(found := await state_of(database, job)):
            await asyncio.sleep(0.01)
    return found


def raising(error: Exception) -> Perform:
    async def perform(job: Job, progress: Progress) -> Result:
        raise error

    return perform


async def succeed(job: Job, progress: Progress) -> Result:
    return captioned(job, TRACK)


async def hang(job: Job, progress: Progress) -> Result:
    progress.reached = 0.5
    await asyncio.sleep(3600)
    return captioned(job, TRACK)


def finished(job: Job) -> bool:
    return job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)


async def test_one_users_jobs_fill_a_worker_that_has_room_for_them(
    database: Database, setting: Setting
) -> None:
    owner, submit = await setting.user(10), submitting(database)
    under_way: list[Job] = []

    async def perform(job: Job, progress: Progress) -> Result:
        under_way.append(job)
        await asyncio.sleep(3600)
        return Result()

    for _ in range(5):
        await submit(owner, CaptionsRequest(video_id=(await setting.video(owner)).id), None)
    limits = WorkerLimits(concurrency=4, attempts=2, lease=5, attempt_time=30)
    async with working(database, perform, limits), asyncio.timeout(module.POLL_SECONDS / 2):
        while len(under_way) < 4:
            await asyncio.sleep(0.01)


async def test_a_job_that_waits_is_done_and_its_wake_up_needs_no_poll(
    database: Database, job: Job, setting: Setting
) -> None:
    async with working(database, succeed) as worker:
        assert (await when(database, job, finished)).status is JobStatus.SUCCEEDED
        await asyncio.sleep(0.05)
        video = await setting.video(job.owner_id)
        submit = submitting(database)
        later = await submit(job.owner_id, CaptionsRequest(video_id=video.id), None)
        worker.wake()
        await when(database, later, finished, seconds=module.POLL_SECONDS / 2)


async def test_what_cannot_be_done_fails_at_once(database: Database, job: Job) -> None:
    async with working(database, raising(SourceGone("It is gone."))):
        failed = await when(database, job, finished)
    assert (failed.error_code, failed.attempt) == ("video_gone", 1)
    assert await Credits(database).balance(job.owner_id) == Balance(10, 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceUnavailable("Not now."), "source_unavailable"),
        (ZeroDivisionError("a bug"), "attempt_crashed"),
    ],
)
async def test_what_may_work_later_is_tried_again_and_then_fails(
    database: Database, job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    monkeypatch.setattr(module, "RETRY_DELAYS", (0.1,))
    monkeypatch.setattr(module, "POLL_SECONDS", 0.1)
    sweep = SweepJobs(database, attempts=2)

    async with working(database, raising(error)):
        while not finished(failed := await state_of(database, job)):
            await sweep()
    assert (failed.error_code, failed.attempt) == (code, 2)
    assert await Credits(database).balance(job.owner_id) == Balance(10, 0)


async def test_an_attempt_over_its_time_limit_fails(database: Database, job: Job) -> None:
    limits = WorkerLimits(concurrency=1, attempts=2, lease=5, attempt_time=0.1)
    async with working(database, hang, limits):
        failed = await when(database, job, finished)
    assert failed.error_code == "time_limit"


async def test_progress_is_written_while_the_job_runs(database: Database, job: Job) -> None:
    async with working(database, hang):
        found = await when(database, job, lambda one: one.progress > 0)
        assert (found.progress, found.status) == (0.5, JobStatus.RUNNING)


async def test_progress_is_told_four_times_a_second_at_most_and_only_when_it_grows(
    database: Database, job: Job
) -> None:
    told: list[JobProgressed] = []

    async def hear(envelope: Envelope) -> None:
        told.append(msgspec.json.decode(envelope.data, type=JobProgressed))

    async def perform(job: Job, progress: Progress) -> Result:
        for step in range(100):
            progress.reached = step / 200
            await asyncio.sleep(0.01)
        return await hang(job, progress)

    broker = InProcessBroker()
    broker.subscribe(Broadcast("tests.progress", (JobProgressed.TYPE,), hear))
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(broker.run(lambda: None))
        async with working(database, perform, broker=broker):
            async with asyncio.timeout(10):
                while not told or told[-1].progress < 0.495:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.6)
        running.cancel()
    reached = [one.progress for one in told]
    assert reached == sorted(set(reached))
    seconds = asyncio.get_running_loop().time() - began
    assert 2 <= len(reached) <= 4 * seconds, reached
    assert {(one.job_id, one.owner_id) for one in told} == {(job.id, job.owner_id)}
    assert {one.revision for one in told} == {job.revision + 1}


async def test_a_job_runs_on_while_nobody_can_be_told_of_its_progress(
    database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_REPORTS", 0.01)

    async def perform(job: Job, progress: Progress) -> Result:
        for step in range(10):
            progress.reached = step / 20
            await asyncio.sleep(0.02)
        return captioned(job, TRACK)

    async with working(database, perform):  # with a broker that does not run
        found = await when(database, job, finished)
    assert (found.status, found.attempt) == (JobStatus.SUCCEEDED, 1)


async def test_a_cancelled_job_stops_at_once_when_its_worker_hears_of_it(
    database: Database, job: Job
) -> None:
    stopped = asyncio.Event()

    async def perform(job: Job, progress: Progress) -> Result:
        try:
            return await hang(job, progress)
        finally:
            stopped.set()

    async with working(database, perform) as worker:
        await when(database, job, lambda one: one.status is JobStatus.RUNNING)
        await CancelJob(database)(job.owner_id, job.id)
        worker.look_at(job.id)
        async with asyncio.timeout(0.5):
            await stopped.wait()


async def test_a_cancelled_job_stops_within_a_heartbeat_when_the_news_is_lost(
    database: Database, job: Job
) -> None:
    stopped = asyncio.Event()

    async def perform(job: Job, progress: Progress) -> Result:
        try:
            return await hang(job, progress)
        finally:
            stopped.set()

    async with working(database, perform):
        await when(database, job, lambda one: one.status is JobStatus.RUNNING)
        await CancelJob(database)(job.owner_id, job.id)
        async with asyncio.timeout(leases.HEARTBEAT_SECONDS + 0.5):
            await stopped.wait()


async def test_a_worker_that_stops_hands_its_jobs_back(database: Database, job: Job) -> None:
    async with working(database, hang):
        await when(database, job, lambda one: one.status is JobStatus.RUNNING)
    found = await state_of(database, job)
    assert (found.status, found.attempt) == (JobStatus.QUEUED, 0)


async def test_no_more_jobs_run_at_a_time_than_the_worker_may(
    database: Database, job: Job, setting: Setting
) -> None:
    submit = submitting(database)
    for _ in range(3):
        video = await setting.video(job.owner_id)
        await submit(job.owner_id, CaptionsRequest(video_id=video.id), None)
    async with working(database, hang):
        await asyncio.sleep(0.3)
        row = await database.one(text("SELECT count(*) AS n FROM jobs WHERE status = 'running'"))
    assert row is not None
    assert row.n == LIMITS.concurrency


async def test_a_lease_is_renewed_for_as_long_as_the_job_runs(
    database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.05)
    limits = WorkerLimits(concurrency=1, attempts=2, lease=0.5, attempt_time=30)
    lost = text("SELECT 1 FROM jobs WHERE status = 'running' AND lease_until < now()")
    async with working(database, hang, limits):
        await when(database, job, lambda one: one.status is JobStatus.RUNNING)
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert await database.one(lost) is None
