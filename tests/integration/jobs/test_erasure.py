"""Owners who are erased: nothing of theirs is left, in whatever order the news comes."""

import pytest
from sqlalchemy import text

from auth_service.events import GuestCreated, GuestUpgraded, UserDeleted, UserRegistered
from content_service.events import VideoDeleted, VideoReady
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from jobs_service.subscriptions import subscriptions
from jobs_service.work.use_cases import ClaimJob, JobLost
from shared.clock import SystemClock
from shared.db.aliases import OwnerErased
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import IntegrationEvent
from shared.messaging.in_process import InProcessBroker
from shared.messaging.inbox import Inbox
from shared.messaging.purge import PurgeDeadLetters
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import finish, submitting
from tests.support.traces import traces
from tests.support.tracks import TRACK

NOW = SystemClock().now()


class Service:
    """What the service hears and does."""

    def __init__(self, database: Database, setting: Setting) -> None:
        self.database, self.setting = database, setting
        self.submit_job = submitting(database, 0)
        self.claim = ClaimJob(database, "worker", 15, 2)
        self.heard = subscriptions(Inbox(database), GrantWelcomeCredits(20), GrantGuestCredits(5))

    async def hears(self, *events: IntegrationEvent) -> None:
        """Events arrive."""
        for event in events:
            envelope = Envelopes("tests").of(event)
            for one in self.heard:
                if envelope.type in one.types:
                    await one.handle(envelope)

    async def user(self) -> UserId:
        """A user with the welcome, a job that has succeeded, one that runs and one that waits."""
        user = UserId(uuid7())
        await self.hears(UserRegistered(user, "mina", NOW))
        for number in range(3):
            video = await self.setting.video(user)
            new = CaptionsRequest(video_id=video.id)
            await self.submit_job(user, new, f"{user}-{number}")
            if number == 2:
                break
            claimed = await self.claim()
            assert claimed is not None
            if number == 0:
                await finish(self.database, claimed, TRACK)
        return user

    async def left_of(self, *owners: UserId) -> set[str]:
        """The tables that tell of these, the outbox apart, which is emptied as it fills."""
        return (await traces(self.database, *(str(one) for one in owners))).keys() - {"outbox"}


@pytest.fixture
def service(database: Database, setting: Setting) -> Service:
    return Service(database, setting)


async def test_nothing_is_left_of_the_erased_and_everything_of_the_others(
    service: Service, database: Database
) -> None:
    mina, jun = await service.user(), await service.user()
    before = await traces(database, str(jun))
    assert await service.left_of(mina) >= {"accounts", "entries", "holds", "jobs", "videos"}
    await service.hears(UserDeleted(mina, NOW))
    assert await service.left_of(mina) == set()
    assert await traces(database, str(jun)) == before
    tracks = await database.all(text("SELECT job_id FROM tracks"))
    assert len(tracks) == 1


async def test_credits_stay_as_nobodys_and_all_sums_stay_right(
    service: Service, database: Database
) -> None:
    sums = text("SELECT sum(balance) AS balance, count(*) AS accounts FROM accounts")
    movements = text("SELECT sum(amount) AS amount FROM entries")
    mina = await service.user()
    spent = 1
    await service.hears(UserDeleted(mina, NOW))
    left, moved = await database.one(sums), await database.one(movements)
    assert left is not None
    assert moved is not None
    assert (left.balance, left.accounts, moved.amount) == (20 - spent, 1, 20 - spent)


async def test_a_worker_loses_the_job_of_the_erased(service: Service, database: Database) -> None:
    mina = UserId(uuid7())
    await service.hears(UserRegistered(mina, "mina", NOW))
    video = await service.setting.video(mina)
    await service.submit_job(mina, CaptionsRequest(video_id=video.id), None)
    claimed = await service.claim()
    assert claimed is not None
    await service.hears(UserDeleted(mina, NOW))
    with pytest.raises(JobLost):
        await finish(database, claimed, TRACK)
    cancelled = text("SELECT 1 FROM outbox WHERE envelope::json->>'type' = 'jobs.job.cancelled'")
    assert await database.one(cancelled)
    assert await service.left_of(mina) == set()


async def test_news_that_comes_late_brings_nobody_back(service: Service) -> None:
    mina, guest, video = UserId(uuid7()), UserId(uuid7()), uuid7()
    await service.hears(
        UserDeleted(mina, NOW),
        UserRegistered(mina, "mina", NOW),
        VideoReady(video, mina, 30, True, NOW, 1),
        VideoDeleted(video, mina, 2),
        UserDeleted(guest, NOW),
        GuestCreated(guest, NOW),
    )
    assert await service.left_of(mina, guest) == set()


async def test_a_request_under_way_brings_nobody_back(service: Service) -> None:
    mina = await service.user()
    await service.hears(UserDeleted(mina, NOW))
    await service.hears(UserDeleted(mina, NOW))  # once more does no harm
    video = await service.setting.video(mina)  # as if it had been read before
    with pytest.raises(OwnerErased):
        await service.submit_job(mina, CaptionsRequest(video_id=video.id), None)


@pytest.mark.parametrize("overtaken", [False, True])
async def test_what_a_guest_had_goes_with_the_user_they_turned_out_to_be(
    service: Service, overtaken: bool
) -> None:
    guest, mina = UserId(uuid7()), UserId(uuid7())
    await service.hears(GuestCreated(guest, NOW), UserRegistered(mina, "mina", NOW))
    video = await service.setting.video(guest)
    await service.submit_job(guest, CaptionsRequest(video_id=video.id), None)
    upgraded, deleted = GuestUpgraded(guest, mina, NOW), UserDeleted(mina, NOW)
    await service.hears(*((deleted, upgraded) if overtaken else (upgraded, deleted)))
    assert await service.left_of(guest, mina) == set()
    await service.hears(VideoReady(uuid7(), guest, 30, True, NOW, 1))
    assert await service.left_of(guest, mina) == set()


async def test_dead_letters_about_the_erased_are_purged_and_others_stay(
    service: Service, database: Database
) -> None:
    mina, jun = UserId(uuid7()), UserId(uuid7())
    broker = InProcessBroker()
    broker.subscribe(*service.heard)
    letters = DeadLetters(database, "jobs.video-ready")
    for owner in (mina, jun):
        event = Envelopes("tests").of(VideoReady(uuid7(), owner, 30, True, NOW, 1))
        await letters.park(event, "too bad", 3)
    purge = PurgeDeadLetters(database, broker, service.heard)
    assert await purge.purge() == 0
    await service.hears(UserDeleted(mina, NOW))
    assert await purge.purge() == 1
    assert await service.left_of(mina) == set()
    assert await service.left_of(jun) == {"dead_letters"}
