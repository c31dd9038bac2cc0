"""Guests who turn out to be users: their jobs and credits move, once, whatever comes when."""

import asyncio
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from auth_service.events import GuestCreated, GuestUpgraded, UserRegistered
from content_service.events import VideoDeleted, VideoReady
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import CancelJob, FindJob
from jobs_service.subscriptions import subscriptions
from jobs_service.videos.repository import Videos
from jobs_service.videos.use_cases import FindVideo
from jobs_service.work.use_cases import ClaimJob
from shared.clock import SystemClock
from shared.db.aliases import Aliases
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import IntegrationEvent
from shared.messaging.inbox import Inbox
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import finish, new_row, submitting
from tests.support.tracks import TRACK

WELCOME, GUEST = 20, 5


def again_for(job: Job) -> CaptionsRequest:
    """The request that made the job."""
    return msgspec.json.decode(job.request, type=CaptionsRequest)


class Service:
    """What the service hears and does, for a guest who has just come in and a registered user."""

    def __init__(self, database: Database, setting: Setting) -> None:
        self.database, self.setting = database, setting
        self.submit_job = submitting(database, 0)
        self._subscriptions = subscriptions(
            Inbox(database), GrantWelcomeCredits(WELCOME), GrantGuestCredits(GUEST)
        )

    async def hears(self, event: IntegrationEvent) -> None:
        """An event arrives."""
        envelope = Envelopes("tests").of(event)
        for one in self._subscriptions:
            if envelope.type in one.types:
                await one.handle(envelope)

    async def guest(self) -> UserId:
        """A guest with what guests are given."""
        guest = UserId(uuid7())
        await self.hears(GuestCreated(guest, SystemClock().now()))
        return guest

    async def user(self) -> UserId:
        """A user with the welcome."""
        user = UserId(uuid7())
        await self.hears(UserRegistered(user, "mina", SystemClock().now()))
        return user

    async def adopt(self, guest: UserId, user: UserId) -> None:
        """The guest logs in as the user, or registers."""
        await self.hears(GuestUpgraded(guest, user, SystemClock().now()))

    async def submit(self, owner: UserId, seconds: float = 30, key: str | None = None) -> Job:
        """A new video, and a job on it."""
        video = await self.setting.video(owner, seconds=seconds)
        return await self.submit_job(owner, CaptionsRequest(video_id=video.id), key)

    async def balance(self, owner: UserId) -> Balance:
        """What can be spent, and what is held."""
        return await Credits(self.database).balance(owner)

    async def left_under(self, owner: UserId) -> dict[str, int]:
        """How many rows of each table, but of the history of credits, say this owner."""
        tables = ("videos", "jobs", "holds", "idempotency_keys")
        found = {
            table: await self.database.one(
                text(f"SELECT count(*) AS n FROM {table} WHERE owner_id = :owner"),
                {"owner": owner},
            )
            for table in tables
        }
        return {table: row.n for table, row in found.items() if row and row.n}


@pytest.fixture
def service(database: Database, setting: Setting) -> Service:
    return Service(database, setting)


# ---- what guests are given


async def test_a_guest_is_given_a_few_credits_once(service: Service) -> None:
    guest = await service.guest()
    await service.hears(GuestCreated(guest, SystemClock().now()))
    assert await service.balance(guest) == Balance(GUEST, 0)


@pytest.mark.parametrize("guest_first", [True, False])
async def test_who_registers_has_the_welcome_and_no_more(
    service: Service, guest_first: bool
) -> None:
    user, now = UserId(uuid7()), SystemClock().now()
    events = [GuestCreated(user, now), UserRegistered(user, "mina", now)]
    for event in events if guest_first else reversed(events):
        await service.hears(event)
    await service.adopt(user, user)
    assert await service.balance(user) == Balance(WELCOME, 0)


async def test_what_a_guest_has_spent_is_not_given_again(service: Service) -> None:
    guest = await service.guest()
    await service.submit(guest, seconds=180)
    await service.hears(UserRegistered(guest, "mina", SystemClock().now()))
    assert await service.balance(guest) == Balance(WELCOME - 3, 3)


# ---- logging in


async def test_everything_of_the_guest_is_the_users(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    job = await service.submit(guest, key="once")
    await service.adopt(guest, user)
    assert await service.left_under(guest) == {}
    assert await service.balance(guest) == Balance(0, 0)
    assert await service.balance(user) == Balance(WELCOME + GUEST - 1, 1)
    assert (await FindJob(service.database)(user, job.id)).status is JobStatus.QUEUED
    again = await service.submit_job(user, again_for(job), "once")
    assert again.id == job.id


async def test_the_history_tells_what_was_moved(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    await service.submit(guest)
    await service.adopt(guest, user)
    (left, *_) = await Credits(service.database).entries_of(guest, 1, None)
    (got, *_) = await Credits(service.database).entries_of(user, 1, None)
    assert (left.kind, left.amount, left.held, left.balance_after) == ("transfer", -4, -1, 0)
    assert (got.kind, got.amount, got.held, got.balance_after) == ("transfer", 4, 1, WELCOME + 4)
    assert left.reason == got.reason == "adopted with free credits"


async def test_a_running_job_goes_on_and_is_charged_to_the_user(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    job = await service.submit(guest)
    claimed = await ClaimJob(service.database, "worker", 30, 2)()
    assert claimed is not None
    assert claimed.id == job.id
    await service.adopt(guest, user)
    await finish(service.database, claimed, TRACK)
    assert (await FindJob(service.database)(user, job.id)).status is JobStatus.SUCCEEDED
    assert await service.balance(user) == Balance(WELCOME + GUEST - 1, 0)


async def test_the_user_may_cancel_the_guests_job_and_has_its_credits(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    job = await service.submit(guest)
    await service.adopt(guest, user)
    await CancelJob(service.database)(user, job.id)
    assert await service.balance(user) == Balance(WELCOME + GUEST, 0)


async def test_of_two_equal_keys_the_users_stays(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    await service.submit(guest, key="once")
    kept = await service.submit(user, key="once")
    await service.adopt(guest, user)
    again = await service.submit_job(user, again_for(kept), "once")
    assert again.id == kept.id
    assert await service.left_under(guest) == {}


async def test_a_job_that_both_have_under_way_is_the_users(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    double = await service.submit(guest)
    await service.database.run(text("UPDATE videos SET owner_id = :user"), {"user": user})
    kept = await service.submit_job(user, again_for(double), None)
    await service.adopt(guest, user)
    find = FindJob(service.database)
    assert (await find(user, double.id)).status is JobStatus.CANCELLED
    assert (await find(user, kept.id)).status is JobStatus.QUEUED
    assert await service.balance(user) == Balance(WELCOME + GUEST - 1, 1)


# ---- what comes late


async def test_credits_that_come_late_are_the_users(service: Service) -> None:
    guest, user = UserId(uuid7()), await service.user()
    await service.adopt(guest, user)
    await service.hears(GuestCreated(guest, SystemClock().now()))
    assert await service.balance(guest) == Balance(0, 0)
    assert await service.balance(user) == Balance(WELCOME + GUEST, 0)


async def test_a_video_that_gets_ready_late_is_the_users(service: Service) -> None:
    guest, user, video = await service.guest(), await service.user(), uuid7()
    await service.adopt(guest, user)
    await service.hears(VideoReady(video, guest, 30.0, True, SystemClock().now(), 3))
    (known,) = await Videos(service.database).find_each([(user, video)])
    assert known is not None
    assert known.available
    await service.hears(VideoDeleted(video, guest, 4))
    assert await service.left_under(guest) == {}


async def test_a_job_that_is_submitted_at_the_same_moment_is_the_users(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    video = await service.setting.video(guest)
    found = await FindVideo(service.database)(guest, video.id)

    class AdoptedMeanwhile:
        async def __call__(self, owner: UserId, video_id: UUID) -> object:
            await service.adopt(guest, user)
            return found

    submit = submitting(service.database, find_video=AdoptedMeanwhile())
    job = await submit(guest, CaptionsRequest(video_id=video.id), "late")
    assert job.owner_id == user
    assert await service.left_under(guest) == {}


async def test_moving_waits_for_what_is_being_written(service: Service) -> None:
    guest, user = await service.guest(), await service.user()
    video = await service.setting.video(guest)
    async with service.database.transaction() as tx:
        await Aliases(tx).owner(guest)
        await Jobs(tx).add(new_row(guest, video.id))
        adopting = asyncio.create_task(service.adopt(guest, user))
        await asyncio.sleep(0.1)
        assert not adopting.done()
    await adopting
    assert await service.left_under(guest) == {}


# ---- free credits cannot be collected


async def test_free_credits_of_a_second_guest_lapse(service: Service) -> None:
    first, second, user = await service.guest(), await service.guest(), await service.user()
    await service.adopt(first, user)
    await service.adopt(second, user)
    assert await service.balance(second) == Balance(0, 0)
    assert await service.balance(user) == Balance(WELCOME + GUEST, 0)
    (lapsed, *_) = await Credits(service.database).entries_of(second, 1, None)
    assert (lapsed.kind, lapsed.amount) == ("lapse", -GUEST)


async def test_bought_credits_always_move(service: Service) -> None:
    first, second, user = await service.guest(), await service.guest(), await service.user()
    await service.setting.grant(second, 7)
    await service.adopt(first, user)
    await service.adopt(second, user)
    assert await service.balance(user) == Balance(WELCOME + GUEST + 7, 0)


async def test_a_second_guests_job_is_paid_for_but_not_given_back(service: Service) -> None:
    first, second, user = await service.guest(), await service.guest(), await service.user()
    await service.submit(second)
    cancelled = await service.submit(second, seconds=120)
    await service.adopt(first, user)
    await service.adopt(second, user)
    assert await service.balance(user) == Balance(WELCOME + GUEST, 3)
    await CancelJob(service.database)(user, cancelled.id)
    assert await service.balance(user) == Balance(WELCOME + GUEST, 1)
    claimed = await ClaimJob(service.database, "worker", 30, 2)()
    assert claimed is not None
    await finish(service.database, claimed, TRACK)
    assert await service.balance(user) == Balance(WELCOME + GUEST, 0)


async def test_adopting_two_guests_at_once_brings_free_credits_once(service: Service) -> None:
    guests, user = [await service.guest() for _ in range(4)], await service.user()
    await asyncio.gather(*(service.adopt(guest, user) for guest in guests))
    assert await service.balance(user) == Balance(WELCOME + GUEST, 0)
