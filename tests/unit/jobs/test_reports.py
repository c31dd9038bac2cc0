"""What a worker reports of its jobs: together, soon, and without waiting for anybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from jobs_service.jobs.domain import Job
from jobs_service.work import progress as progress_module
from jobs_service.work.progress import Attempt, ProgressReports, Try
from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.ids import uuid7
from shared.messaging.event import Envelope
from shared.security.principal import UserId
from tests.support.messaging import ScriptedBroker, eventually


async def _accept(_: Envelope) -> None:
    return


def a_job() -> Job:
    now = SystemClock().now()
    return Job(
        id=uuid7(),
        owner_id=UserId(uuid7()),
        type="captions",
        request="{}",
        price=0,
        run_after=now,
        created_at=now,
    )


@asynccontextmanager
async def following(
    reports: ProgressReports, attempts: dict[Try, Attempt] | None = None
) -> AsyncIterator[None]:
    task = asyncio.create_task(reports.follow(attempts or {}))
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_first_goes_at_once_and_those_soon_after_it_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_module, "GATHERING", 0.5)
    broker, jobs = ScriptedBroker(_accept), [a_job() for _ in range(4)]
    reports = ProgressReports(broker)
    async with following(reports):
        reports.started(jobs[0])
        await eventually(lambda: len(broker.messages) == 1)
        for job in jobs[1:]:
            reports.started(job)
            await asyncio.sleep(0.01)
        await eventually(lambda: len(broker.messages) == 2)
    assert broker.messages == [[str(jobs[0].id)], [str(job.id) for job in jobs[1:]]]


async def test_the_progress_of_all_jobs_goes_together_and_after_their_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    types: list[str] = []

    async def publish(envelope: Envelope) -> None:
        types.append(envelope.type)

    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_REPORTS", 0.01)
    broker = ScriptedBroker(publish)
    reports = ProgressReports(broker)
    attempts = [Attempt(job=a_job(), renewed=0.0, reached=0.5) for _ in range(3)]
    async with following(reports, {one.key: one for one in attempts}):
        for one in attempts:
            reports.started(one.job)
        await eventually(lambda: len(types) == 6)
    assert types == ["jobs.job.started"] * 3 + ["jobs.job.progressed"] * 3
    assert [len(message) for message in broker.messages] == [3, 3]


async def test_reports_that_nobody_takes_are_lost_and_told_once_a_message() -> None:
    away = True

    async def publish(_: Envelope) -> None:
        if away:
            raise Unavailable("no connection")

    broker = ScriptedBroker(publish)
    reports = ProgressReports(broker)
    with capture_logs() as logs:
        async with following(reports):
            for _ in range(2):
                reports.started(a_job())
            await eventually(lambda: bool(logs))
            away = False
            reports.started(later := a_job())
            await eventually(lambda: broker.messages == [[str(later.id)]])
    (told,) = logs
    assert (told["event"], told["reports"]) == ("not_reported", 2)


async def test_of_too_many_reports_the_oldest_are_lost() -> None:
    broker, jobs = ScriptedBroker(_accept), [a_job() for _ in range(1001)]
    reports = ProgressReports(broker)
    for job in jobs:  # while those before them are being published
        reports.started(job)
    async with following(reports):
        await eventually(lambda: len(broker.published) == 1000)
    assert broker.published == [str(job.id) for job in jobs[1:]]


async def test_a_report_that_crashes_takes_no_other_with_it() -> None:
    failures: list[BaseException] = [asyncio.CancelledError(), ZeroDivisionError()]

    async def crash(_: Envelope) -> None:
        if failures:
            raise failures.pop(0)

    broker = ScriptedBroker(crash)
    reports = ProgressReports(broker)
    with capture_logs() as logs:
        async with following(reports):
            while failures:
                left = len(failures)
                reports.started(a_job())
                await eventually(lambda left=left: len(failures) < left)  # type: ignore[misc]
            reports.started(later := a_job())
            await eventually(lambda: broker.messages == [[str(later.id)]])
    assert [one["event"] for one in logs] == ["report_crashed"] * 2
