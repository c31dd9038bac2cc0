"""Faults that others have had with credits; what each has cost them is its name.

The same top-up settled twice, two refunds of a payment, and refunds of what is spent or held are
in `test_purchases` and `test_refunds`.
"""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from jobs_service.credits.domain import Balance, NotEnoughCredits
from jobs_service.credits.use_cases import capture_hold, release_hold
from jobs_service.jobs.domain import JobFinished, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import CancelJob, CancelJobsOfVideo
from jobs_service.people.use_cases import EraseOwner
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import ClaimJob, FailJob, FinishJob, JobLost, SweepJobs
from shared.db.database import Database, Transaction
from shared.security.principal import UserId
from tests.integration.credits.conftest import Shop
from tests.integration.generation.conftest import settings_for, writing
from tests.support.chat_server import CUT, chat_server, word


async def open_holds(database: Database) -> int:
    row = await database.one(text("SELECT count(*) AS n FROM holds WHERE state = 'open'"))
    return int(row.n) if row else 0


async def test_a_stream_that_breaks_off_strands_no_hold(database: Database) -> None:
    async with chat_server() as chat, writing(database, settings_for(chat)) as writer:
        chat.replies.append([word("Hello"), CUT])
        *_, (name, _) = await writer.streamed()
        ended = await writer.ended()
        left = await writer.balance()
    assert (name, ended.status) == ("error", JobStatus.FAILED)
    assert left == Balance(20 - (ended.spent or 0), 0)
    assert await open_holds(database) == 0


async def test_a_refund_after_the_capture_gives_nothing(shop: Shop, user: UserId) -> None:
    job = await shop.submit(user, 3)
    await shop.succeed()
    with pytest.raises(JobFinished):
        await CancelJob(shop.database)(user, job.id)
    async with shop.database.transaction() as tx:
        await release_hold(tx, job.id, "once more")
    assert await shop.balance(user) == Balance(7, 0)
    assert await shop.kinds(user) == ["grant", "hold", "capture"]


async def test_a_capture_after_the_refund_takes_nothing(shop: Shop, user: UserId) -> None:
    job = await shop.submit(user, 3)
    await CancelJob(shop.database)(user, job.id)
    async with shop.database.transaction() as tx:
        await capture_hold(tx, job.id, 3)
    assert await shop.balance(user) == Balance(10, 0)


async def test_two_refunds_of_a_job_give_back_once(shop: Shop, user: UserId) -> None:
    job = await shop.submit(user, 3)
    claimed = await shop.claimed()
    await asyncio.gather(
        *(CancelJob(shop.database)(user, job.id) for _ in range(3)),
        FailJob(shop.database)(claimed, "broken", "It broke."),
        SweepJobs(shop.database, attempts=1)(),
        return_exceptions=True,
    )
    assert await shop.balance(user) == Balance(10, 0)
    assert await shop.kinds(user) == ["grant", "hold", "release"]


async def test_what_could_not_be_queued_is_not_charged(shop: Shop, user: UserId) -> None:
    broken = """
        CREATE FUNCTION break_outbox() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the outbox is broken'; END $$
    """
    await shop.database.run(text(broken))
    trigger = "break_outbox BEFORE INSERT ON outbox EXECUTE FUNCTION break_outbox()"
    await shop.database.run(text(f"CREATE TRIGGER {trigger}"))
    try:
        with pytest.raises(asyncpg.RaiseError, match="the outbox is broken"):
            await shop.submit(user, 3)
    finally:
        await shop.database.run(text("DROP FUNCTION break_outbox CASCADE"))
    assert await shop.balance(user) == Balance(10, 0)
    assert await shop.kinds(user) == ["grant"]
    assert await Jobs(shop.database).list_of(user, 10, None) == []


async def test_what_nobody_delivers_is_given_back(shop: Shop, user: UserId) -> None:
    job = await shop.submit(user, 3)
    await shop.database.run(text("UPDATE holds SET expires_at = now() - interval '1 second'"))
    await SweepJobs(shop.database, attempts=3)()
    found = await Jobs(shop.database).find(user, job.id)
    assert found is not None
    assert (found.status, found.error_code) == (JobStatus.FAILED, "expired")
    assert await shop.balance(user) == Balance(10, 0)


async def test_between_check_and_charge_nobody_comes_in(shop: Shop, user: UserId) -> None:
    found = await asyncio.gather(*(shop.submit(user, 4) for _ in range(6)), return_exceptions=True)
    assert len([one for one in found if isinstance(one, NotEnoughCredits)]) == 4
    assert await shop.balance(user) == Balance(2, 8)


@pytest.mark.parametrize(("spent", "left"), [(0, 10), (1, 9), (3, 7), (4, 7), (1000, 7)])
async def test_a_part_is_captured_and_never_more_than_was_held(
    shop: Shop, user: UserId, spent: int, left: int
) -> None:
    await shop.submit(user, 3)
    done = await FinishJob(shop.database)(await shop.claimed(), Result(None, spent=spent))
    assert await shop.balance(user) == Balance(left, 0)
    assert done.spent == 10 - left


async def test_a_failure_after_the_debit_undoes_it(shop: Shop, user: UserId) -> None:
    await shop.submit(user, 3)
    job = await shop.claimed()

    async def store(tx: Transaction) -> None:
        await capture_hold(tx, job.id, 3)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await FinishJob(shop.database)(job, Result(None, store))
    assert await shop.balance(user) == Balance(7, 3)
    await FailJob(shop.database)(job, "broken", "It broke.")
    assert await shop.balance(user) == Balance(10, 0)


async def test_no_hold_outlives_its_job_however_it_ends(shop: Shop, user: UserId) -> None:
    database = shop.database
    await shop.submit(user, 1)
    await shop.succeed()
    await shop.submit(user, 1)
    await shop.fail()
    await CancelJob(database)(user, (await shop.submit(user, 1)).id)
    gone = await shop.submit(user, 1)
    async with database.transaction() as tx:
        await CancelJobsOfVideo()(tx, UUID(str(gone.video_id)))
    await shop.submit(user, 1)
    lost = await ClaimJob(database, "worker", 0, 100)()
    await SweepJobs(database, attempts=1)()
    assert lost is not None
    with pytest.raises(JobLost):
        await FinishJob(database)(lost, Result(None))
    assert await open_holds(database) == 0
    assert await shop.balance(user) == Balance(9, 0)
    await shop.submit(user, 1)
    async with database.transaction() as tx:
        await EraseOwner()(tx, user)
    assert await open_holds(database) == 0
