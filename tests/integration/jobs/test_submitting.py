"""Submitting and cancelling: the job and its credits move together, and once."""

import asyncio

import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits import opening
from jobs_service.credits.domain import Balance, NotEnoughCredits
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantWelcomeCredits
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.repository import IdempotencyKeys
from jobs_service.jobs.domain import (
    Job,
    JobFinished,
    JobNotFound,
    JobStatus,
)
from jobs_service.jobs.queue import Queue
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.submit import SubmitJob
from jobs_service.jobs.use_cases import CancelJob, CancelJobsOfVideo
from jobs_service.videos.domain import KnownVideo, VideoHasNoSound, VideoNotFound
from jobs_service.videos.repository import Videos
from jobs_service.work.use_cases import FailJob
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import submitting


@pytest.fixture
def submit(database: Database) -> SubmitJob:
    return submitting(database, 0.1)


def captions_of(video: KnownVideo) -> CaptionsRequest:
    return CaptionsRequest(video_id=video.id)


async def balance_of(database: Database, video: KnownVideo) -> Balance:
    return await Credits(database).balance(video.owner_id)


async def outbox_types(database: Database) -> list[str]:
    rows = await database.all(
        text("SELECT envelope::json->>'type' AS type FROM outbox ORDER BY id")
    )
    return [row.type for row in rows]


async def test_a_job_is_queued_and_its_price_held(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner, seconds=61)
    job = await submit(owner, captions_of(video), None)
    assert (job.status, job.price) == (JobStatus.QUEUED, 2)
    assert await balance_of(database, video) == Balance(8, 2)
    assert await outbox_types(database) == ["jobs.job.queued"]


async def test_a_second_submit_with_the_same_key_charges_once(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner)
    first = await submit(owner, captions_of(video), "key")
    await CancelJob(database)(owner, first.id)  # even when the first job has ended since
    again = await submit(owner, captions_of(video), "key")
    assert again.id == first.id
    assert await balance_of(database, video) == Balance(10, 0)


async def test_a_key_with_another_request_is_refused(setting: Setting, submit: SubmitJob) -> None:
    owner = await setting.user(10)
    one, other = await setting.video(owner), await setting.video(owner)
    await submit(owner, captions_of(one), "key")
    with pytest.raises(KeyReused):
        await submit(owner, captions_of(other), "key")


async def test_keys_of_two_users_are_apart(setting: Setting, submit: SubmitJob) -> None:
    jobs = []
    for _ in range(2):
        owner = await setting.user(10)
        jobs.append(await submit(owner, captions_of(await setting.video(owner)), "key"))
    assert jobs[0].id != jobs[1].id


async def test_a_key_that_is_being_worked_on_is_a_conflict(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner)
    async with database.transaction() as tx:
        assert await IdempotencyKeys(tx).lock(owner, "key")
        with pytest.raises(RequestInProgress):
            await submit(owner, captions_of(video), "key")


async def test_two_submits_at_once_with_credit_for_one_make_one_job(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(1)
    videos = [await setting.video(owner) for _ in range(2)]
    results = await asyncio.gather(
        *(submit(owner, captions_of(video), None) for video in videos), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["Job", "NotEnoughCredits"]
    assert await balance_of(database, videos[0]) == Balance(0, 1)
    assert len(await Jobs(database).list_of(owner, 10, None)) == 1


async def test_many_equal_submits_at_once_are_one_job(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner)
    results = await asyncio.gather(*(submit(owner, captions_of(video), None) for _ in range(8)))
    assert len({job.id for job in results}) == 1
    assert await balance_of(database, video) == Balance(9, 1)


async def test_too_few_credits_leave_nothing_behind(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(1)
    video = await setting.video(owner, seconds=120)
    with pytest.raises(NotEnoughCredits, match="costs 2 credits; the account has 1"):
        await submit(owner, captions_of(video), "key")
    assert await Jobs(database).list_of(owner, 10, None) == []
    assert await IdempotencyKeys(database).find(owner, "key") is None
    assert await outbox_types(database) == []


async def test_after_a_top_up_the_same_key_works(setting: Setting, submit: SubmitJob) -> None:
    owner = await setting.user(1)
    video = await setting.video(owner, seconds=120)
    with pytest.raises(NotEnoughCredits):
        await submit(owner, captions_of(video), "key")
    await setting.grant(owner, 5)
    assert (await submit(owner, captions_of(video), "key")).status is JobStatus.QUEUED


async def test_a_video_that_is_unknown_foreign_gone_or_silent_is_refused(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner, other = await setting.user(), await setting.user()
    gone = KnownVideo(uuid7(), owner, 30, True, False, 2)
    await Videos(database).save(gone)
    for video in (KnownVideo(uuid7(), owner, 30, True, True, 1), await setting.video(other), gone):
        with pytest.raises(VideoNotFound):
            await submit(owner, captions_of(video), None)
    with pytest.raises(VideoHasNoSound):
        await submit(owner, captions_of(await setting.video(owner, has_audio=False)), None)


async def test_news_of_a_video_that_arrives_a_moment_later_is_waited_for(
    database: Database, setting: Setting
) -> None:
    owner = await setting.user()
    video = KnownVideo(uuid7(), owner, 30, True, True, 1)

    async def arrive() -> None:
        await asyncio.sleep(0.1)
        await Videos(database).save(video)

    patient = submitting(database, 5)
    job, _ = await asyncio.gather(patient(owner, captions_of(video), None), arrive())
    assert job.status is JobStatus.QUEUED


@pytest.mark.parametrize("key", [None, "key"])
async def test_the_news_of_somebody_new_is_waited_for(
    database: Database, setting: Setting, submit: SubmitJob, key: str | None
) -> None:
    owner = UserId(uuid7())
    video = await setting.video(owner)

    async def arrive() -> None:
        await asyncio.sleep(0.1)
        async with database.transaction() as tx:
            await GrantWelcomeCredits(10)(tx, owner)

    job, _ = await asyncio.gather(submit(owner, captions_of(video), key), arrive())
    assert job.status is JobStatus.QUEUED
    assert await Credits(database).balance(owner) == Balance(9, 1)


async def test_who_never_comes_has_no_credits(
    database: Database,
    setting: Setting,
    submit: SubmitJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    owner = UserId(uuid7())
    video = await setting.video(owner)
    with pytest.raises(NotEnoughCredits):
        await submit(owner, captions_of(video), None)
    assert await Jobs(database).list_of(owner, 10, None) == []


async def test_older_news_of_a_video_changes_nothing(database: Database, setting: Setting) -> None:
    owner = await setting.user()
    video = KnownVideo(uuid7(), owner, 30, True, False, 2)
    await Videos(database).save(video)
    await Videos(database).save(KnownVideo(video.id, owner, 30, True, True, 1))
    assert await Videos(database).find_each([(owner, video.id)]) == [video]


async def test_cancelling_gives_the_credits_back_once(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner)
    job = await submit(owner, captions_of(video), None)
    cancelled = await asyncio.gather(*(CancelJob(database)(owner, job.id) for _ in range(4)))
    assert {one.status for one in cancelled} == {JobStatus.CANCELLED}
    assert await balance_of(database, video) == Balance(10, 0)
    kinds = [one.kind for one in await Credits(database).entries_of(owner, 10, None)]
    assert kinds == ["release", "hold", "grant"]


async def test_a_job_of_somebody_else_cannot_be_cancelled(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner, other = await setting.user(10), await setting.user(10)
    job = await submit(owner, captions_of(await setting.video(owner)), None)
    with pytest.raises(JobNotFound):
        await CancelJob(database)(other, job.id)


async def test_a_finished_job_cannot_be_cancelled(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    job = await submit(owner, captions_of(await setting.video(owner)), None)
    await FailJob(database)(await claim(database), "broken", "It broke.")
    with pytest.raises(JobFinished, match="already failed"):
        await CancelJob(database)(owner, job.id)


async def claim(database: Database) -> Job:
    async with database.transaction() as tx:
        (job,) = await Queue(tx).claim("worker", 10, 10, 1)
    return job


async def test_jobs_of_a_removed_video_end_and_are_refunded(
    database: Database, setting: Setting, submit: SubmitJob
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner)
    job = await submit(owner, captions_of(video), None)
    async with database.transaction() as tx:
        await CancelJobsOfVideo()(tx, video.id)
    found = await Jobs(database).find(owner, job.id)
    assert found is not None
    assert found.status is JobStatus.CANCELLED
    assert await balance_of(database, video) == Balance(10, 0)


async def test_welcome_credits_are_given_once(database: Database, setting: Setting) -> None:
    owner = await setting.user(10)
    async with database.transaction() as tx:
        await GrantWelcomeCredits(10)(tx, owner)
    assert await Credits(database).balance(owner) == Balance(10, 0)
