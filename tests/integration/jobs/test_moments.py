"""Jobs that are submitted, claimed or ended in the same moment: a statement serves them all, and
what is wrong with one of them is nobody else's trouble."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.checks import Checks
from jobs_service.credits.domain import Balance, NotEnoughCredits
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import release_hold
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.submit import SubmitJob
from jobs_service.jobs.use_cases import CancelJob, FindJob
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import ClaimJob, FailJob, FinishJob, JobLost
from shared.db.database import Database
from shared.db.hot import Hot
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import submitting

_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
_QUEUED = text("SELECT owner_id FROM jobs WHERE status = 'queued'")
_LOCK = text("SELECT id FROM jobs WHERE id = :job FOR UPDATE")


@pytest.fixture
def submit(database: Database) -> SubmitJob:
    return submitting(database, patience=0)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many hot statements there were, by what they do first."""
    counted: Counter[str] = Counter()
    execute = Hot._on_a_connection

    async def counting(hot: Hot, method: str, words: str, arguments: list[object]) -> object:
        for what in ("INSERT INTO jobs", "status = 'succeeded'", "status = 'running', worker"):
            counted[what] += what in words
        return await execute(hot, method, words, arguments)

    monkeypatch.setattr(Hot, "_on_a_connection", counting)
    return counted


async def _deadlocks(database: Database) -> int:
    row = await database.one(_DEADLOCKS)
    return int(row.deadlocks) if row else 0


class Crowd:
    """Users with three credits each, who ask for captions of thirty seconds."""

    def __init__(self, database: Database, setting: Setting, submit: SubmitJob) -> None:
        self.database = database
        self.submit = submit
        self._setting = setting

    async def users(self, number: int, balance: int = 3) -> list[UserId]:
        return [await self._setting.user(balance) for _ in range(number)]

    async def ask_with_key(self, owner: UserId, key: str) -> Job:
        video = await self._setting.video(owner)
        return await self.submit(owner, CaptionsRequest(video_id=video.id), key)

    async def ask_together(self, *owners: UserId) -> list[Job | BaseException]:
        requests = [CaptionsRequest(video_id=(await self._setting.video(one)).id) for one in owners]
        return await asyncio.gather(
            *(self.submit(one, asked, None) for one, asked in zip(owners, requests, strict=True)),
            return_exceptions=True,
        )

    async def claimed(self, number: int) -> list[Job]:
        return [*await ClaimJob(self.database, "worker", 60, 5).several(number)]


@pytest.fixture
def crowd(database: Database, setting: Setting, submit: SubmitJob) -> Crowd:
    return Crowd(database, setting, submit)


async def test_a_moments_jobs_are_submitted_claimed_and_ended_by_a_statement_each(
    crowd: Crowd, statements: Counter[str]
) -> None:
    users = await crowd.users(8)
    submitted = await crowd.ask_together(*users)
    claimed = await crowd.claimed(8)
    finish = FinishJob(crowd.database)
    ended = await asyncio.gather(*(finish(job, Result()) for job in claimed))
    assert {job.id for job in ended} == {job.id for job in submitted if isinstance(job, Job)}
    assert {job.status for job in ended} == {JobStatus.SUCCEEDED}
    assert set(statements.values()) == {1}
    assert await Checks(crowd.database).faults() == []
    rows = await crowd.database.all(text("SELECT envelope::json ->> 'type' AS type FROM outbox"))
    told = Counter(row.type for row in rows if row.type.startswith("jobs.job."))
    assert told == {"jobs.job.queued": 8, "jobs.job.succeeded": 8}


async def test_who_cannot_pay_is_refused_alone(crowd: Crowd) -> None:
    (poor,), rich = await crowd.users(1, balance=0), await crowd.users(4)
    refused, *queued = await crowd.ask_together(poor, *rich)
    assert isinstance(refused, NotEnoughCredits)
    assert [job.owner_id for job in queued if isinstance(job, Job)] == rich
    assert await Credits(crowd.database).balance(poor) == Balance(0, 0)


async def test_of_one_user_as_many_are_queued_as_can_be_paid(crowd: Crowd) -> None:
    (user,) = await crowd.users(1, balance=3)
    answers = await crowd.ask_together(*[user] * 6)
    assert sum(isinstance(one, Job) for one in answers) == 3
    assert sum(isinstance(one, NotEnoughCredits) for one in answers) == 3
    assert await Credits(crowd.database).balance(user) == Balance(0, 3)


async def test_a_job_that_is_under_way_already_keeps_nobody_elses_from_being_queued(
    crowd: Crowd, setting: Setting, statements: Counter[str]
) -> None:
    first, *others = users = await crowd.users(5)
    requests = [CaptionsRequest(video_id=(await setting.video(one)).id) for one in users]
    before = await crowd.submit(first, requests[0], None)
    statements.clear()
    again, *queued = await asyncio.gather(
        *(crowd.submit(one, asked, None) for one, asked in zip(users, requests, strict=True))
    )
    assert again.id == before.id
    assert [job.owner_id for job in queued] == others
    assert statements["INSERT INTO jobs"] == 1
    assert await Credits(crowd.database).balance(first) == Balance(2, 1)


async def test_equal_requests_with_one_key_are_one_job(crowd: Crowd, setting: Setting) -> None:
    (user,) = await crowd.users(1)
    request = CaptionsRequest(video_id=(await setting.video(user)).id)
    answers = await asyncio.gather(
        *(crowd.submit(user, request, "key") for _ in range(6)), return_exceptions=True
    )
    jobs = [one for one in answers if isinstance(one, Job)]
    assert jobs
    assert all(isinstance(one, Job | RequestInProgress) for one in answers)
    assert {job.id for job in jobs} == {jobs[0].id}
    again = await crowd.submit(user, request, "key")
    assert again == jobs[0]
    assert await Credits(crowd.database).balance(user) == Balance(2, 1)
    with pytest.raises(KeyReused):
        await crowd.ask_with_key(user, "key")


async def test_a_key_of_the_day_before_yesterday_is_new(crowd: Crowd) -> None:
    (user,) = await crowd.users(1)
    first = await crowd.ask_with_key(user, "key")
    await crowd.database.run(
        text("UPDATE idempotency_keys SET created_at = now() - interval '2 days'")
    )
    second = await crowd.ask_with_key(user, "key")
    assert second.id != first.id
    assert await Credits(crowd.database).balance(user) == Balance(1, 2)


async def test_of_a_moments_jobs_those_end_that_are_their_workers_still(crowd: Crowd) -> None:
    users = await crowd.users(6)
    await crowd.ask_together(*users)
    claimed = await crowd.claimed(6)
    cancelled, failed, *kept = claimed
    await CancelJob(crowd.database)(cancelled.owner_id, cancelled.id)
    await FailJob(crowd.database)(failed, "broken", "It broke.")
    finish = FinishJob(crowd.database)
    ends = await asyncio.gather(*(finish(job, Result()) for job in claimed), return_exceptions=True)
    assert [isinstance(one, JobLost) for one in ends] == [True] * 2 + [False] * 4
    balances = [await Credits(crowd.database).balance(job.owner_id) for job in claimed]
    assert balances == [Balance(3, 0)] * 2 + [Balance(2, 0)] * len(kept)


async def test_a_job_that_somebody_is_writing_holds_up_none_of_the_others(crowd: Crowd) -> None:
    users = await crowd.users(3)
    await crowd.ask_together(*users)
    claimed = await crowd.claimed(3)
    finish = FinishJob(crowd.database)
    async with asyncio.TaskGroup() as group, crowd.database.transaction() as tx:
        await tx.one(_LOCK, {"job": claimed[0].id})
        first, *others = [group.create_task(finish(job, Result())) for job in claimed]
        async with asyncio.timeout(5):
            await asyncio.gather(*others)
        assert not first.done()
    assert first.result().status == JobStatus.SUCCEEDED
    assert await Checks(crowd.database).faults() == []


async def test_what_is_just_being_cancelled_is_asked_for_again_without_a_deadlock(
    crowd: Crowd, setting: Setting
) -> None:
    first, *others = await crowd.users(4)
    request = CaptionsRequest(video_id=(await setting.video(first)).id)
    job = await crowd.submit(first, request, None)
    deadlocks = await _deadlocks(crowd.database)
    async with asyncio.TaskGroup() as group, crowd.database.transaction() as tx:
        assert await Jobs(tx).cancel(first, job.id)
        again = group.create_task(crowd.submit(first, request, None))
        strangers = group.create_task(crowd.ask_together(*others))
        await asyncio.sleep(0.1)
        await release_hold(tx, job.id, "cancelled")
    assert again.result().id != job.id
    assert [one.owner_id for one in strangers.result() if isinstance(one, Job)] == others
    await asyncio.sleep(1.2)  # until PostgreSQL has counted
    assert await _deadlocks(crowd.database) == deadlocks


async def test_an_account_that_somebody_has_for_long_holds_up_its_owner_alone(
    crowd: Crowd, statements: Counter[str]
) -> None:
    first, *others = await crowd.users(4)
    await crowd.ask_together(first, *others)
    claimed = {job.owner_id: job for job in await crowd.claimed(4)}
    finish = FinishJob(crowd.database)
    statements.clear()
    async with asyncio.TaskGroup() as group, crowd.database.transaction() as tx:
        assert await Credits(tx).lock(first)
        asked = group.create_task(crowd.ask_together(first, *others))
        ends = {one: group.create_task(finish(claimed[one], Result())) for one in claimed}
        async with asyncio.timeout(5):
            await asyncio.gather(*(ends[one] for one in others))
            while {row.owner_id for row in await crowd.database.all(_QUEUED)} != {*others}:
                await asyncio.sleep(0.01)
        assert not asked.done()
        assert not ends[first].done()
    assert all(isinstance(one, Job) for one in asked.result())
    assert ends[first].result().status == JobStatus.SUCCEEDED
    assert statements["INSERT INTO jobs"] == 1 + 4  # refused for all, and then for each alone


async def test_a_worker_takes_no_more_than_it_has_room_for_each_of_another_user(
    crowd: Crowd,
) -> None:
    users = await crowd.users(4)
    await crowd.ask_together(*users, *users)
    first, second, third = [await crowd.claimed(number) for number in (3, 8, 8)]
    assert [len(first), len(second), len(third)] == [3, 4, 1]
    for claimed in (first, second, third):
        assert max(Counter(job.owner_id for job in claimed).values()) == 1
    assert second[0].owner_id not in {job.owner_id for job in first}
    assert await crowd.claimed(8) == []


async def test_what_is_asked_for_patiently_is_one_job_or_none(crowd: Crowd) -> None:
    await crowd.ask_together(*await crowd.users(2))
    claim = ClaimJob(crowd.database, "worker", 60, 5)
    taken = [len(await claim.several(8, patiently=True)) for _ in range(3)]
    assert taken == [1, 1, 0]


async def test_an_ended_job_is_read_as_its_worker_was_told(crowd: Crowd) -> None:
    users = await crowd.users(2)
    await crowd.ask_together(*users)
    finish = FinishJob(crowd.database)
    for job in await crowd.claimed(2):
        ended = await finish(job, Result(spent=0))
        assert await FindJob(crowd.database)(job.owner_id, job.id) == ended
        assert await Credits(crowd.database).balance(job.owner_id) == Balance(3, 0)
