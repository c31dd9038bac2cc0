"""What a job that waits is told: its place, and when it may start."""

from datetime import timedelta

from sqlalchemy import text

from jobs_service.jobs.domain import Job
from jobs_service.jobs.waiting import EstimateWait, Wait
from jobs_service.work.use_cases import ClaimJob
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.jobs.test_lanes import add


async def order_of_claims(database: Database) -> list[str]:
    claim, found = ClaimJob(database, "worker", 30, 100), []
    while job := await claim():
        found.append(str(job.id))
    return found


async def test_the_place_of_each_job_is_the_order_in_which_they_are_taken_up(
    database: Database,
) -> None:
    wait = EstimateWait(database, SystemClock())
    jobs: list[Job] = []
    for count in (3, 1, 5, 2):
        owner = UserId(uuid7())
        jobs += [await add(database, owner, priority=number % 2) for number in range(count)]
    told = {}
    for job in jobs:
        place = await wait(job)
        assert place is not None
        told[str(job.id)] = place.position
    order = await order_of_claims(database)
    assert [told[job] for job in order] == list(range(1, len(jobs) + 1))


async def test_a_start_is_estimated_by_what_runs_and_how_long_jobs_took(
    database: Database,
) -> None:
    owner, clock = UserId(uuid7()), SystemClock()
    wait = EstimateWait(database, clock)
    jobs = [await add(database, owner) for _ in range(5)]
    assert await wait(jobs[2]) == Wait(3, None)  # nothing has ever been done
    for _ in range(2):
        await ClaimJob(database, "worker", 30, 100)()
    await database.run(
        text(
            "UPDATE jobs SET status = 'succeeded', started_at = now() - interval '60 seconds',"
            " finished_at = now() WHERE id = :id"
        ),
        {"id": jobs[0].id},
    )
    place = await wait(jobs[4])  # two ahead, one runs, a minute each
    assert place is not None
    assert place.estimated_start is not None
    assert place.position == 3
    expected = clock.now() + timedelta(seconds=120)
    assert abs(place.estimated_start - expected) < timedelta(seconds=10)


async def test_what_runs_or_is_to_run_later_has_no_place(database: Database) -> None:
    owner, clock = UserId(uuid7()), SystemClock()
    wait = EstimateWait(database, clock)
    running = await ClaimJob(database, "worker", 30, 100)() or await add(database, owner)
    later = await add(database, owner, run_after=clock.now() + timedelta(hours=1), due=False)
    claimed = await ClaimJob(database, "worker", 30, 100)()
    assert claimed is not None
    assert claimed.id == running.id
    assert await wait(claimed) is None
    assert await wait(later) is None
