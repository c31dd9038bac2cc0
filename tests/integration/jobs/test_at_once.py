"""What is written at once, by everybody at the same time: no credit is lost, and none is made."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.checks import Checks
from jobs_service.credits.domain import Balance, NotEnoughCredits
from jobs_service.credits.expiring import SettleOverdue
from jobs_service.credits.granting import NewGrant, grant_credits
from jobs_service.credits.repository import Credits
from jobs_service.guests.use_cases import AdoptGuest
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.jobs.domain import Job, JobFinished, JobNotFound
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.people.use_cases import EraseOwner
from jobs_service.videos.domain import VideoNotFound
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import (
    ClaimJob,
    FailJob,
    FinishJob,
    HandBackJob,
    JobLost,
    SweepJobs,
)
from shared.clock import SystemClock
from shared.db.aliases import OwnerErased
from shared.db.database import Database
from shared.db.hot import Hot
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import submitting

_REFUSED = (
    NotEnoughCredits, KeyReused, RequestInProgress, OwnerErased, JobFinished, JobNotFound, JobLost,
    VideoNotFound,
)  # fmt: skip
_SOME_JOB = text(
    "SELECT id, owner_id FROM jobs WHERE status IN ('queued', 'running') ORDER BY random() LIMIT 1"
)
_LET_A_HOLD_EXPIRE = text(
    "UPDATE holds SET expires_at = now() WHERE job_id IN (SELECT job_id FROM holds"
    " WHERE state = 'open' ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)"
)
_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
_WRONG_LANES = text(
    "SELECT 1 FROM lanes FULL JOIN (SELECT owner_id,"
    " count(*) FILTER (WHERE status = 'queued' AND due) AS waiting,"
    " count(*) FILTER (WHERE status = 'running') AS running FROM jobs GROUP BY 1) counted"
    " USING (owner_id) WHERE coalesce(lanes.waiting, 0) <> coalesce(counted.waiting, 0)"
    " OR coalesce(lanes.running, 0) <> coalesce(counted.running, 0)"
)


class Crowd:
    """Guests and users, and what can happen to what is theirs; `dice` choose."""

    def __init__(self, database: Database, dice: random.Random) -> None:
        self._database = database
        self._dice = dice
        self._people: list[UserId] = []
        self._guests: list[UserId] = []
        self._videos: dict[UserId, list[UUID]] = {}
        self._claim = ClaimJob(database, "worker", 0.4, 5)
        self._submit = submitting(database, patience=0)
        self._finish = FinishJob(database)
        self._often = [
            *[self.order] * 12, *[self.work] * 10, *[self.cancel] * 5, *[self.sweep] * 4,
            *[self.give] * 2, self.expire,
        ]  # fmt: skip

    async def gather(self, setting: Setting) -> None:
        """Let them come."""
        for _ in range(10):
            one = await setting.user(self._dice.randint(3, 12))
            self._people.append(one)
            self._videos[one] = [(await setting.video(one)).id for _ in range(6)]
        self._guests = self._people[:5]

    async def act(self) -> None:
        """Do something of all that happens often."""
        for _ in range(25):
            await self._harmless(self._dice.choice(self._often))

    async def come_and_go(self) -> None:
        """Let guests become users, and users leave."""
        for _ in range(4):
            await asyncio.sleep(0.1)
            await self._harmless(self._dice.choice([self.adopt, self.erase]))

    async def order(self) -> None:
        owner = self._dice.choice(self._people)
        video = self._dice.choice(self._videos[owner])
        key = self._dice.choice([None, None, str(self._dice.randint(0, 3))])
        await self._submit(owner, CaptionsRequest(video_id=video), key)

    async def cancel(self) -> None:
        if row := await self._database.one(_SOME_JOB):
            await CancelJob(self._database)(UserId(row.owner_id), row.id)

    async def work(self) -> None:
        """Take up a few jobs, and end them."""
        jobs = await self._claim.several(self._dice.randint(1, 4))
        await asyncio.gather(*map(self._end, jobs))

    async def _end(self, job: Job) -> None:
        """Perhaps after its lease, and perhaps in two ways at the same time."""
        await asyncio.sleep(self._dice.choice([0, 0, 0.02, 0.5]))
        ends: list[Callable[[], Awaitable[object]]] = [
            lambda: self._finish(job, Result(spent=0)),
            lambda: self._finish(job, Result()),
            lambda: FailJob(self._database)(job, "failed", "It failed."),
            lambda: HandBackJob(self._database)(job, counted=True),
        ]
        chosen = self._dice.choices(ends, k=self._dice.choice([1, 2]))
        await asyncio.gather(*(self._harmless(end) for end in chosen))

    async def sweep(self) -> None:
        await SweepJobs(self._database, attempts=2)()

    async def expire(self) -> None:
        await SettleOverdue(self._database)()
        await self._database.run(_LET_A_HOLD_EXPIRE)

    async def give(self) -> None:
        ends = SystemClock().now() if self._dice.random() < 0.5 else None
        owner = self._dice.choice(self._people)
        async with self._database.transaction() as tx:
            if await Credits(tx).lock(owner):
                await grant_credits(tx, owner, uuid7(), NewGrant(2, "given", ends))

    async def adopt(self) -> None:
        guest = self._guests.pop()
        self._people.remove(guest)
        user = self._dice.choice([one for one in self._people if one not in self._guests])
        async with self._database.transaction() as tx:
            await AdoptGuest()(tx, guest, user)

    async def erase(self) -> None:
        async with self._database.transaction() as tx:
            await EraseOwner()(tx, self._people.pop())

    async def _harmless(self, does: Callable[[], Awaitable[object]]) -> None:
        """What is refused is refused; all else is a fault."""
        with suppress(*_REFUSED):
            await does()


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_at_the_same_time_the_ledger_stays_right(
    database: Database, setting: Setting, seed: int
) -> None:
    crowd = Crowd(database, random.Random(seed))
    await crowd.gather(setting)
    before = await database.one(_DEADLOCKS)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(crowd.act())
        group.create_task(crowd.come_and_go())
    assert await Checks(database).faults() == []
    assert await database.all(_WRONG_LANES) == []
    await asyncio.sleep(1.2)  # until PostgreSQL has counted
    assert await database.one(_DEADLOCKS) == before


@pytest.fixture
def lost_answers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Statements with one of these words commit, and are not heard of: once each."""
    words: set[str] = set()
    execute = Hot._on_a_connection

    async def losing(hot: Hot, method: str, text: str, arguments: list[object]) -> object:
        answer = await execute(hot, method, text, arguments)
        if lost := {word for word in words if word in text}:
            words.difference_update(lost)
            raise asyncpg.ConnectionDoesNotExistError("lost")
        return answer

    monkeypatch.setattr(Hot, "_on_a_connection", losing)
    return words


async def test_what_has_committed_unheard_is_neither_done_nor_told_twice(
    database: Database, setting: Setting, lost_answers: set[str]
) -> None:
    owner = await setting.user(10)
    video = await setting.video(owner)
    lost_answers |= {"INSERT INTO jobs", "status = 'succeeded'"}
    job = await submitting(database)(owner, CaptionsRequest(video_id=video.id), None)
    assert await Credits(database).balance(owner) == Balance(10 - job.price, job.price)
    claimed = await ClaimJob(database, "worker", 30, 5)()
    assert claimed is not None
    assert claimed.id == job.id
    with pytest.raises(JobLost):  # by whoever has ended it: ourselves
        await FinishJob(database)(claimed, Result())
    assert not lost_answers
    assert await Credits(database).balance(owner) == Balance(10 - job.price, 0)
    rows = await database.all(text("SELECT envelope::json ->> 'type' AS type FROM outbox"))
    assert sorted(row.type for row in rows if row.type.startswith("jobs.job.")) == [
        "jobs.job.queued",
        "jobs.job.succeeded",
    ]
