"""Webhooks of users on the jobs schema of a real PostgreSQL, and jobs that come to an end."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.jobs.domain import Job
from jobs_service.webhooks.deliverer import Deliverer
from jobs_service.webhooks.domain import Delivery, Webhook
from jobs_service.webhooks.repository import Webhooks
from jobs_service.webhooks.schemas import NewWebhook
from jobs_service.webhooks.sender import Sender
from jobs_service.webhooks.signing import shown
from jobs_service.webhooks.urls import UrlRules
from jobs_service.webhooks.use_cases import MakeWebhook
from jobs_service.work.use_cases import ClaimJob
from shared.clock import SystemClock
from shared.db.database import Database
from shared.security.box import Box
from shared.security.principal import UserId
from tests.integration.jobs.conftest import Setting
from tests.support.clock import MovableClock
from tests.support.jobs import finish, submitting
from tests.support.receiver import Receiver, receiving
from tests.support.tracks import TRACK

SECRET = "a secret of the whole installation, long enough"
HERE = UrlRules(secure=False, private=True)


async def this_machine(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


class World:
    """Users, their jobs and webhooks, and who sends; `clock` is a minute ahead of the database's,
    so that what has just been written is due."""

    def __init__(self, database: Database, setting: Setting) -> None:
        self.database, self.setting = database, setting
        self.clock = MovableClock(SystemClock().now() + timedelta(minutes=1))
        self.box = Box(SECRET, "webhook-secrets")
        self.make_webhook = MakeWebhook(database, self.box, HERE, 10, self.clock)
        self.sender = self.sending()

    def sending(self, seconds: float = 3) -> Sender:
        """Sends to this machine, whatever the host."""
        trust = ssl.create_default_context()
        return Sender(HERE, self.clock, trust, this_machine, seconds)

    def deliverer(self, sender: Sender | None = None) -> Deliverer:
        """That of another process each time."""
        wake = asyncio.Event()
        return Deliverer(self.database, self.box, sender or self.sender, self.clock, wake)

    async def webhook(self, owner: UserId, receiver: Receiver, *events: str) -> tuple[Webhook, str]:
        """A webhook, and its secret."""
        new = NewWebhook(receiver.url, events) if events else NewWebhook(receiver.url)
        webhook, secret = await self.make_webhook(owner, new, None)
        return webhook, shown(secret)

    async def running(self, owner: UserId) -> Job:
        """A job that a worker has begun."""
        video = await self.setting.video(owner)
        await submitting(self.database)(owner, CaptionsRequest(video_id=video.id), None)
        job = await ClaimJob(self.database, "w", 60, 1000)()
        assert job is not None
        return job

    async def finished(self, owner: UserId) -> Job:
        """A job that has succeeded."""
        return await finish(self.database, await self.running(owner), TRACK)

    async def deliveries(self, webhook: Webhook) -> Sequence[Delivery]:
        """What the webhook was told, newest first."""
        return await Webhooks(self.database).deliveries_of(webhook.id, 100, None)

    async def delivery(self, webhook: Webhook) -> Delivery:
        """The only one."""
        (found,) = await self.deliveries(webhook)
        return found

    async def now(self, webhook: Webhook) -> Webhook:
        """The webhook as it is by now."""
        found = await Webhooks(self.database).find(webhook.owner_id, webhook.id)
        assert found is not None
        return found

    async def told(self) -> int:
        """How many deliveries there are."""
        row = await self.database.one(text("SELECT count(*) AS n FROM webhook_deliveries"))
        assert row is not None
        return int(row.n)


@pytest.fixture
async def world(jobs_database: Database) -> AsyncIterator[World]:
    world = World(jobs_database, Setting(jobs_database))
    yield world
    await world.sender.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
async def mina(world: World) -> UserId:
    return await world.setting.user(50)
