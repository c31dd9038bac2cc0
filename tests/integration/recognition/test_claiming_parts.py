"""Which part a worker that helps is given, and when none."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.jobs.domain import Job
from jobs_service.parts.domain import Part, Plan
from jobs_service.parts.repository import Parts
from jobs_service.recognition.domain import Heard
from jobs_service.work.use_cases import ClaimJob, HandBackJob
from shared.db.database import Database
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import submitting

ATTEMPTS = 2
NOTHING = Heard("en", ())
Planned = Callable[..., Coroutine[Any, Any, Job]]


@pytest.fixture
def planned(jobs_database: Database) -> Planned:
    """Makes a running job whose video has three parts."""
    setting = Setting(jobs_database)

    async def make(owner: UserId | None = None) -> Job:
        owner = owner or await setting.user()
        video = await setting.video(owner)
        await submitting(jobs_database)(owner, CaptionsRequest(video_id=video.id), None)
        job = await ClaimJob(jobs_database, "holder", 30, 10)()
        assert job is not None
        plan = Plan(job.id, video.id, "en", "sphinx", (0.0, 10.0, 20.0, 31.0))
        async with jobs_database.transaction() as tx:
            await Parts(tx).plan(plan)
        return job

    return make


async def claimed(database: Database, lease: float = 30) -> Part | None:
    return await Parts(database).claim_any("helper", lease, ATTEMPTS, ["sphinx"])


async def surely_claimed(database: Database, lease: float = 30) -> Part:
    part = await claimed(database, lease)
    assert part is not None
    return part


async def test_parts_are_given_in_the_order_of_the_video_and_each_once(
    jobs_database: Database, planned: Planned
) -> None:
    job = await planned()
    found = [await surely_claimed(jobs_database) for _ in range(3)]
    assert [(part.number, part.starts, part.ends) for part in found] == [
        (0, 0.0, 10.0),
        (1, 10.0, 20.0),
        (2, 20.0, 31.0),
    ]
    assert {part.job_id for part in found} == {job.id}
    assert await claimed(jobs_database) is None


async def test_users_whose_videos_are_worked_on_least_come_first(
    jobs_database: Database, planned: Planned
) -> None:
    busy = await planned()
    also_busy = await planned(busy.owner_id)
    calm = await planned()
    owners = []
    for _ in range(6):
        part = await surely_claimed(jobs_database)
        owners.append(calm.owner_id if part.job_id == calm.id else busy.owner_id)
    assert owners == [busy.owner_id, calm.owner_id] * 3
    rest = [(await surely_claimed(jobs_database)).job_id for _ in range(3)]
    assert set(rest) == {also_busy.id}


async def test_a_part_that_others_failed_at_twice_is_left_to_the_holder_of_its_job(
    jobs_database: Database, planned: Planned
) -> None:
    job, parts = await planned(), Parts(jobs_database)
    for _ in range(ATTEMPTS):
        await parts.give_back(await surely_claimed(jobs_database), counted=True)
    assert (await surely_claimed(jobs_database)).number == 1
    left = await parts.claim_of(job, "holder", 30)
    assert left is not None
    assert (left.number, left.attempt) == (0, ATTEMPTS + 1)


async def test_who_only_stops_has_not_tried(jobs_database: Database, planned: Planned) -> None:
    await planned()
    for _ in range(ATTEMPTS + 1):
        await Parts(jobs_database).give_back(await surely_claimed(jobs_database), counted=False)
    assert (await surely_claimed(jobs_database)).attempt == 1


async def test_a_part_that_was_failed_at_is_left_alone_for_a_while(
    jobs_database: Database, planned: Planned
) -> None:
    await planned()
    failed = await surely_claimed(jobs_database)
    await Parts(jobs_database).give_back(failed, 30, counted=True)
    assert (await surely_claimed(jobs_database)).number == 1


async def test_nobody_helps_with_a_job_that_waits_for_another_holder_and_what_runs_goes_on(
    jobs_database: Database, planned: Planned
) -> None:
    job, parts = await planned(), Parts(jobs_database)
    running = await surely_claimed(jobs_database)
    await HandBackJob(jobs_database)(job, counted=False)
    assert await claimed(jobs_database) is None
    assert await parts.heartbeat(running, 30, 0.5)
    assert await parts.finish(running, NOTHING)
    assert (await parts.standing(job)).done == 1


async def test_a_job_without_parts_is_not_complete(
    jobs_database: Database, planned: Planned
) -> None:
    job, parts = await planned(), Parts(jobs_database)
    for _ in range(3):
        assert not (await parts.standing(job)).complete
        assert await parts.finish(await surely_claimed(jobs_database), NOTHING)
    assert (await parts.standing(job)).complete
    assert len(await parts.heard(job)) == 3
    await parts.forget(job)
    assert not (await parts.standing(job)).complete


async def test_the_same_plan_keeps_what_is_done_and_another_replaces_what_differs(
    jobs_database: Database, planned: Planned
) -> None:
    job, parts = await planned(), Parts(jobs_database)
    done, running = await surely_claimed(jobs_database), await surely_claimed(jobs_database)
    assert await parts.finish(done, NOTHING)
    same = Plan(job.id, done.video_id, "en", "sphinx", (0.0, 10.0, 20.0, 31.0))
    await parts.plan(same)
    assert (await parts.standing(job)).done == 1
    assert await parts.heartbeat(running, 30, 0.1)
    await parts.plan(Plan(job.id, done.video_id, "en", "sphinx", (0.0, 10.0, 31.0)))
    standing = await parts.standing(job)
    assert (standing.parts, standing.done) == (2, 1)
    assert not await parts.finish(running, NOTHING)
    again = await surely_claimed(jobs_database)
    assert (again.starts, again.ends) == (10.0, 31.0)
