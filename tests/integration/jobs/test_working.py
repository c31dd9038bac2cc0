"""Workers: claims, leases, fencing tokens, and what becomes of lost jobs."""

import asyncio

import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import release_hold
from jobs_service.idempotency.repository import IdempotencyKeys
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.queue import Queue
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.work.use_cases import (
    ClaimJob,
    FailJob,
    HandBackJob,
    JobLost,
    SweepJobs,
)
from shared.db.database import Database
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import finish, submitting
from tests.support.tracks import TRACK


async def submitted(database: Database, setting: Setting, owner: UserId) -> Job:
    video = await setting.video(owner)
    submit = submitting(database)
    return await submit(owner, CaptionsRequest(video_id=video.id), None)


def claiming(database: Database, *, lease: float = 30, per_user: int = 10) -> ClaimJob:
    return ClaimJob(database, "worker", lease, per_user)


async def claimed(database: Database, *, lease: float = 30) -> Job:
    job = await claiming(database, lease=lease)()
    assert job is not None
    return job


async def state_of(database: Database, job: Job) -> Job:
    found = await Jobs(database).find(job.owner_id, job.id)
    assert found is not None
    return found


async def test_success_spends_what_was_held(database: Database, setting: Setting) -> None:
    owner = await setting.user(10)
    await submitted(database, setting, owner)
    job = await claimed(database)
    await finish(database, job, TRACK)
    done = await state_of(database, job)
    assert (done.status, done.progress) == (JobStatus.SUCCEEDED, 1.0)
    assert done.finished_at is not None
    assert await Credits(database).balance(owner) == Balance(9, 0)


async def test_failure_gives_back_what_was_held(database: Database, setting: Setting) -> None:
    owner = await setting.user(10)
    await submitted(database, setting, owner)
    job = await claimed(database)
    await FailJob(database)(job, "video_undecodable", "It is broken.")
    failed = await state_of(database, job)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "video_undecodable")
    assert await Credits(database).balance(owner) == Balance(10, 0)


async def test_one_job_is_claimed_by_one_worker(database: Database, setting: Setting) -> None:
    await submitted(database, setting, await setting.user())
    claims = await asyncio.gather(*(claiming(database)() for _ in range(8)))
    assert len([job for job in claims if job is not None]) == 1


async def test_an_empty_queue_gives_nothing(database: Database) -> None:
    assert await claiming(database)() is None


async def test_a_user_with_many_jobs_does_not_starve_another(
    database: Database, setting: Setting
) -> None:
    busy, calm = await setting.user(100), await setting.user()
    for _ in range(10):
        await submitted(database, setting, busy)
    await submitted(database, setting, calm)
    owners = [(await claimed(database)).owner_id for _ in range(3)]
    assert calm in owners[:2]


async def test_a_user_runs_no_more_jobs_than_allowed(database: Database, setting: Setting) -> None:
    owner = await setting.user(10)
    for _ in range(3):
        await submitted(database, setting, owner)
    claims = await asyncio.gather(*(claiming(database, per_user=2)() for _ in range(6)))
    assert len([job for job in claims if job is not None]) == 2


async def test_jobs_of_one_user_run_in_their_order(database: Database, setting: Setting) -> None:
    owner = await setting.user(10)
    order = [(await submitted(database, setting, owner)).id for _ in range(3)]
    assert [(await claimed(database)).id for _ in range(3)] == order


async def test_a_heartbeat_keeps_the_lease_and_progress_never_falls(
    database: Database, setting: Setting
) -> None:
    await submitted(database, setting, await setting.user())
    job = await claimed(database)
    assert await Queue(database).heartbeat(job, 30, 0.5)
    assert await Queue(database).heartbeat(job, 30, 0.3)
    assert (await state_of(database, job)).progress == 0.5


async def test_a_lost_lease_is_taken_back_and_its_old_worker_can_write_nothing(
    database: Database, setting: Setting
) -> None:
    owner = await setting.user(10)
    await submitted(database, setting, owner)
    old = await claimed(database, lease=0)
    assert await SweepJobs(database, attempts=3)() == 1
    new = await claimed(database)
    assert (new.id, new.attempt, new.fence > old.fence) == (old.id, 2, True)

    assert not await Queue(database).heartbeat(old, 30, 0.9)
    with pytest.raises(JobLost):
        await finish(database, old, TRACK)
    with pytest.raises(JobLost):
        await FailJob(database)(old, "broken", "It broke.")
    await HandBackJob(database)(old, counted=True)
    assert (await state_of(database, new)).status is JobStatus.RUNNING

    await finish(database, new, TRACK)
    assert await Credits(database).balance(owner) == Balance(9, 0)


async def test_a_cancelled_job_cannot_be_finished(database: Database, setting: Setting) -> None:
    owner = await setting.user(10)
    await submitted(database, setting, owner)
    job = await claimed(database)
    await CancelJob(database)(owner, job.id)
    with pytest.raises(JobLost):
        await finish(database, job, TRACK)
    assert await Credits(database).balance(owner) == Balance(10, 0)


async def test_cancel_and_finish_at_once_resolve_the_hold_once(
    database: Database, setting: Setting
) -> None:
    for _ in range(10):
        owner = await setting.user(10)
        await submitted(database, setting, owner)
        job = await claimed(database)
        await asyncio.gather(
            finish(database, job, TRACK),
            CancelJob(database)(owner, job.id),
            return_exceptions=True,
        )
        status = (await state_of(database, job)).status
        left = await Credits(database).balance(owner)
        assert (status, left) in {
            (JobStatus.SUCCEEDED, Balance(9, 0)),
            (JobStatus.CANCELLED, Balance(10, 0)),
        }


async def test_a_poison_job_ends_after_its_last_attempt(
    database: Database, setting: Setting
) -> None:
    owner = await setting.user(10)
    job = await submitted(database, setting, owner)
    for _ in range(3):
        await claimed(database, lease=0)
        await SweepJobs(database, attempts=3)()
    lost = await state_of(database, job)
    assert (lost.status, lost.error_code, lost.attempt) == (JobStatus.FAILED, "worker_lost", 3)
    assert await Credits(database).balance(owner) == Balance(10, 0)


async def test_a_job_that_nobody_takes_up_ends_with_its_hold(
    database: Database, setting: Setting
) -> None:
    owner = await setting.user(10)
    job = await submitted(database, setting, owner)
    await database.run(text("UPDATE holds SET expires_at = now() - interval '1 second'"))
    await SweepJobs(database, attempts=3)()
    expired = await state_of(database, job)
    assert (expired.status, expired.error_code) == (JobStatus.FAILED, "expired")
    assert await Credits(database).balance(owner) == Balance(10, 0)


async def test_a_job_handed_back_by_a_stopping_worker_counts_no_attempt(
    database: Database, setting: Setting
) -> None:
    await submitted(database, setting, await setting.user())
    await HandBackJob(database)(await claimed(database), counted=False)
    assert (await claimed(database)).attempt == 1


async def test_a_job_to_be_retried_later_waits(database: Database, setting: Setting) -> None:
    await submitted(database, setting, await setting.user())
    await HandBackJob(database)(await claimed(database), delay=60, counted=True)
    assert await claiming(database)() is None
    await database.run(text("UPDATE jobs SET run_after = now()"))
    assert await SweepJobs(database, attempts=3)() == 1
    assert (await claimed(database)).attempt == 2


async def test_old_idempotency_keys_are_forgotten(database: Database, setting: Setting) -> None:
    owner, keys = await setting.user(), IdempotencyKeys(database)
    await keys.add(owner, "key", b"hash", b"{}")
    assert await keys.find(owner, "key") is not None
    assert await keys.forget_old() == 0
    await database.run(text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"))
    assert await keys.find(owner, "key") is None
    assert await keys.forget_old() == 1


async def test_the_sweeper_does_not_wait_for_a_job_that_is_being_cancelled(
    database: Database, setting: Setting
) -> None:
    owner = await setting.user(10)
    for _ in range(2):
        await submitted(database, setting, owner)
    hopeless, other = [await claimed(database, lease=0) for _ in range(2)]
    await database.run(text("UPDATE jobs SET attempt = 3 WHERE id = :job"), {"job": hopeless.id})
    async with database.transaction() as tx:  # as CancelJob does, with the sweeper in between
        assert await Jobs(tx).cancel(owner, other.id)
        async with asyncio.timeout(5):
            assert await SweepJobs(database, attempts=3)() == 1
        await release_hold(tx, other.id, "job cancelled")
    assert (await state_of(database, hopeless)).status is JobStatus.FAILED
    assert (await state_of(database, other)).status is JobStatus.CANCELLED
    assert await Credits(database).balance(owner) == Balance(10, 0)


async def test_the_sweeper_does_not_wait_for_a_job_that_is_due_and_being_cancelled(
    database: Database, setting: Setting
) -> None:
    owner = await setting.user(10)
    for _ in range(2):
        await submitted(database, setting, owner)
    hopeless = await claimed(database, lease=0)
    await database.run(text("UPDATE jobs SET attempt = 3 WHERE id = :job"), {"job": hopeless.id})
    await database.run(text("UPDATE jobs SET due = false WHERE status = 'queued'"))
    row = await database.one(text("SELECT id FROM jobs WHERE status = 'queued'"))
    assert row is not None
    async with database.transaction() as tx:  # as CancelJob does, with the sweeper in between
        assert await Jobs(tx).cancel(owner, row.id)
        async with asyncio.timeout(5):
            assert await SweepJobs(database, attempts=3)() == 1
        await release_hold(tx, row.id, "job cancelled")
    assert (await state_of(database, hopeless)).status is JobStatus.FAILED
    assert await Credits(database).balance(owner) == Balance(10, 0)


async def test_sweepers_at_once_do_not_wait_for_each_other_in_a_circle(
    database: Database, setting: Setting
) -> None:
    """Both take back jobs of the same two users, the one in this order and the other in that."""
    owners = [await setting.user(10) for _ in range(2)]
    for owner in (*owners, *reversed(owners)):
        await submitted(database, setting, owner)
    lost = text("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = :job")
    jobs = [await claimed(database) for _ in range(4)]
    for job in jobs:
        await database.run(lost, {"job": job.id})
    swept = await asyncio.gather(*(SweepJobs(database, attempts=3)() for _ in range(4)))
    assert sum(swept) == 4
