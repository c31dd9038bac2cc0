"""Whatever happens in whatever order: never negative, never lost, entries equal balances."""

import random
from contextlib import suppress

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.credits.repository import Credits
from jobs_service.credits.schemas import BalanceView
from jobs_service.jobs.domain import Job, JobFinished, JobStatus
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

STEPS = ("submit", "grant", "claim", "finish", "fail", "cancel", "hand_back", "lose", "sweep")


class History:
    """One user's random history, and how many credits there must be in the end."""

    def __init__(self, database: Database, setting: Setting, owner: UserId, granted: int) -> None:
        self.database, self.setting, self.owner = database, setting, owner
        self.granted = granted
        self.held: list[Job] = []
        self.random = random.Random(0)

    async def step(self, name: str) -> None:
        """Do one thing; what may not be done is refused."""
        with suppress(NotEnoughCredits, JobFinished, JobLost):
            await getattr(self, name)()

    async def submit(self) -> None:
        video = await self.setting.video(self.owner, seconds=self.random.choice([10, 70, 200]))
        submit = submitting(self.database)
        await submit(self.owner, CaptionsRequest(video_id=video.id), None)

    async def grant(self) -> None:
        await self.setting.grant(self.owner, 2)
        self.granted += 2

    async def claim(self, lease: float = 30) -> None:
        if job := await ClaimJob(self.database, "worker", lease, 3)():
            self.held.append(job)

    async def lose(self) -> None:
        await self.claim(lease=0)

    async def sweep(self) -> None:
        await SweepJobs(self.database, attempts=2)()

    async def finish(self) -> None:
        if self.held:
            await finish(self.database, self.random.choice(self.held), TRACK)

    async def fail(self) -> None:
        if self.held:
            await FailJob(self.database)(self.random.choice(self.held), "broken", "It broke.")

    async def hand_back(self) -> None:
        if self.held:
            await HandBackJob(self.database)(self.random.choice(self.held), counted=True)

    async def cancel(self) -> None:
        jobs = await Jobs(self.database).list_of(self.owner, 50, None)
        if jobs:
            await CancelJob(self.database)(self.owner, self.random.choice(jobs).id)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=40))
async def test_no_sequence_of_events_loses_or_makes_credits(
    database: Database, setting: Setting, steps: list[str]
) -> None:
    history = History(database, setting, await setting.user(5), 5)
    for name in steps:
        await history.step(name)
    ledger = Credits(database)
    assert await ledger.unbalanced() == []
    left = await ledger.balance(history.owner)
    jobs = await Jobs(database).list_of(history.owner, 100, None)
    spent = sum(job.price for job in jobs if job.status is JobStatus.SUCCEEDED)
    held = sum(job.price for job in jobs if job.status in (JobStatus.QUEUED, JobStatus.RUNNING))
    assert (left.balance, left.held) == (history.granted - spent - held, held)


async def test_a_balance_goes_over_the_wire_as_numbers(
    database: Database, setting: Setting
) -> None:
    balance = await Credits(database).balance(await setting.user(5))
    assert msgspec.json.encode(BalanceView.of(balance)) == b'{"balance":5,"held":0}'
