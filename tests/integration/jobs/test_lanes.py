"""Whose turn it is: the lanes of users, which the database keeps, and what claims make of them."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from jobs_service.jobs.domain import Job
from jobs_service.jobs.repository import Jobs
from jobs_service.work.use_cases import ClaimJob, FailJob, HandBackJob, SweepJobs
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.support.jobs import new_row

_KEPT = text("SELECT owner_id, waiting, running FROM lanes WHERE waiting > 0 OR running > 0")
_COUNTED = text(
    """
    SELECT owner_id, count(*) FILTER (WHERE status = 'queued' AND due) AS waiting,
           count(*) FILTER (WHERE status = 'running') AS running
    FROM jobs WHERE status = 'running' OR (status = 'queued' AND due) GROUP BY owner_id
    """
)


async def add(database: Database, owner: UserId, **changed: Any) -> Job:
    job = await Jobs(database).add({**new_row(owner, uuid7()), **changed})
    assert job is not None
    return job


def claiming(database: Database, lease: float = 30, per_user: int = 2) -> ClaimJob:
    return ClaimJob(database, "worker", lease, per_user)


class Everything:
    """All that happens to jobs of three users, in any order."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = random.Random(seed)
        self.owners = [UserId(uuid7()) for _ in range(3)]
        self.held: list[Job] = []

    async def step(self) -> None:
        await self.random.choice([
            self.submit, self.submit, self.schedule, self.claim, self.claim, self.lose, self.fail,
            self.hand_back, self.cancel, self.move, self.sweep, self.delete,
        ])()  # fmt: skip

    async def submit(self) -> None:
        await add(self.database, self.random.choice(self.owners))

    async def schedule(self) -> None:
        later = SystemClock().now() + timedelta(seconds=self.random.choice([-1, 3600]))
        owner = self.random.choice(self.owners)
        await add(self.database, owner, run_after=later, due=False)

    async def claim(self) -> None:
        if job := await claiming(self.database)():
            self.held.append(job)

    async def lose(self) -> None:
        await claiming(self.database, lease=0)()

    async def fail(self) -> None:
        if self.held:
            await FailJob(self.database)(self.held.pop(), "broken", "It broke.")

    async def hand_back(self) -> None:
        if self.held:
            delay = self.random.choice([0, 60])
            await HandBackJob(self.database)(self.held.pop(), delay, counted=True)

    async def cancel(self) -> None:
        owner = self.random.choice(self.owners)
        for job in await Jobs(self.database).list_of(owner, 1, None, {"status": "queued"}):
            await Jobs(self.database).cancel(owner, job.id)

    async def move(self) -> None:
        await Jobs(self.database).move(*self.random.sample(self.owners, 2))

    async def sweep(self) -> None:
        await SweepJobs(self.database, attempts=3)()

    async def delete(self) -> None:
        if self.random.random() < 0.2:
            owner = self.random.choice(self.owners)
            self.held = [job for job in self.held if await self._is_not_of(job, owner)]
            await Jobs(self.database).delete_of_owner(owner)

    async def _is_not_of(self, job: Job, owner: UserId) -> bool:
        return await Jobs(self.database).find(owner, job.id) is None


async def test_lanes_agree_with_the_jobs_whatever_happens(database: Database) -> None:
    for seed in range(3):
        everything = Everything(database, seed)
        for _ in range(60):
            await everything.step()
            kept = {tuple(row) for row in await database.all(_KEPT)}
            assert kept == {tuple(row) for row in await database.all(_COUNTED)}, seed


async def test_a_lane_goes_with_the_last_job_of_its_owner(database: Database) -> None:
    owner = UserId(uuid7())
    await add(database, owner)
    await Jobs(database).delete_of_owner(owner)
    assert await database.all(text("SELECT 1 FROM lanes")) == []


async def test_claims_at_once_take_each_job_once_and_keep_to_the_limit(database: Database) -> None:
    owners = [UserId(uuid7()) for _ in range(8)]
    for owner in owners:
        for _ in range(4):
            await add(database, owner)

    async def claims() -> list[Job]:
        found = []
        while job := await claiming(database)():
            found.append(job)
        return found

    taken = [job for found in await asyncio.gather(*(claims() for _ in range(6))) for job in found]
    assert len({job.id for job in taken}) == len(taken)
    assert Counter(job.owner_id for job in taken) == dict.fromkeys(owners, 2)


async def test_whoever_was_served_longest_ago_is_next(database: Database) -> None:
    busy, calm = UserId(uuid7()), UserId(uuid7())
    for _ in range(3):
        await add(database, busy)
    first = await claiming(database)()
    assert first is not None
    await FailJob(database)(first, "broken", "It broke.")
    await add(database, calm)
    await add(database, calm)
    order = []
    for _ in range(4):
        job = await claiming(database, per_user=9)()
        assert job is not None
        order.append(job.owner_id)
    assert order == [busy, calm, busy, calm]


async def test_the_highest_priority_of_a_user_is_first_and_never_of_another(
    database: Database,
) -> None:
    owner, other = UserId(uuid7()), UserId(uuid7())
    low, high = await add(database, owner, priority=-1), await add(database, owner, priority=5)
    middle = await add(database, owner)
    unhurried = await add(database, other, priority=-10)
    found = []
    for _ in range(4):
        job = await claiming(database, per_user=9)()
        assert job is not None
        found.append(job.id)
    assert found == [high.id, unhurried.id, middle.id, low.id]


async def test_what_is_to_run_later_waits_and_holds_up_nobody(database: Database) -> None:
    owner = UserId(uuid7())
    later = SystemClock().now() + timedelta(hours=1)
    await add(database, owner, run_after=later, due=False)
    assert await claiming(database)() is None
    now = await add(database, owner)
    claimed = await claiming(database)()
    assert claimed is not None
    assert claimed.id == now.id
    await SweepJobs(database, attempts=3)()
    assert await claiming(database)() is None
