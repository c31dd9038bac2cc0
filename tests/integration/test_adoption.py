"""Content and jobs together: whatever comes in whatever order, and however often, everything of a
guest's ends with the user, exactly once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from auth_service.events import GuestCreated, GuestUpgraded, UserRegistered
from content_service import subscriptions as content
from content_service.events import VideoReady
from content_service.videos.domain import MediaFacts, VideoId
from content_service.videos.repository import Videos
from content_service.videos.use_cases import EraseOwner
from jobs_service import subscriptions as jobs
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.domain import Balance, Entry, EntryKind, NotEnoughCredits
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from jobs_service.jobs.domain import JobFinished, JobNotFound
from jobs_service.jobs.repository import UNDER_WAY, Jobs
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.videos.domain import VideoNotFound
from jobs_service.work.use_cases import ClaimJob, JobLost
from shared.clock import SystemClock
from shared.db.aliases import Aliases
from shared.db.database import Database
from shared.errors import Conflict
from shared.ids import uuid7
from shared.messaging.broker import Subscription
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import Envelope, IntegrationEvent
from shared.messaging.inbox import Inbox
from shared.security.principal import UserId
from tests.support.jobs import finish, submitting
from tests.support.tracks import TRACK

WELCOME, GUEST, BOUGHT = 20, 5, 7
LEASE = timedelta(minutes=5)
FACTS = MediaFacts(30.0, 64, 48, "h264", "aac")
NOTHING = Balance(0, 0)


class NotYet(Exception):  # noqa: N818 - a fact, not a fault
    """Something has to happen first: the client would ask again, the worker look again."""


Step = Callable[[], Awaitable[None]]


class Story:
    """A guest with two videos and two jobs, of which one is finished and one cancelled, who turns
    out to be a user: another one, after a log-in, or themselves, after a registration."""

    def __init__(
        self,
        content_database: Database,
        jobs_database: Database,
        *,
        registers: bool,
        seed: int = 0,
    ) -> None:
        self.content, self.jobs = content_database, jobs_database
        self.guest = UserId(uuid7())
        self.user = self.guest if registers else UserId(uuid7())
        self.videos = [VideoId(uuid7()) for _ in range(2)]
        self.waiting: list[Step] = []
        self.random = random.Random(seed)
        self.tries = 0
        self._envelopes = Envelopes("tests")
        self._consumers: tuple[Subscription, ...] = (
            *content.subscriptions(
                Inbox(content_database), EraseOwner(SystemClock(), lambda: None)
            ),
            *jobs.subscriptions(
                Inbox(jobs_database), GrantWelcomeCredits(WELCOME), GrantGuestCredits(GUEST)
            ),
        )

    def steps(self) -> list[Step]:
        """Everything that happens, each once; what is announced is told more often."""
        now = SystemClock().now()
        events = (
            GuestCreated(self.guest, now),
            UserRegistered(self.user, "mina", now),
            GuestUpgraded(self.guest, self.user, now),
        )
        return [
            *(told for event in events for told in self.told(event)),
            *(self.upload(video) for video in self.videos),
            *(self.becomes_ready(video) for video in self.videos),
            *(self.submit(video) for video in self.videos),
            self.buy,
            self.finish,
            self.cancel,
        ]

    def told(self, event: IntegrationEvent) -> list[Step]:
        """Each consumer hears the event twice, and sometimes anew, under another id."""
        once = [self._envelopes.of(event)] * 2
        anew = [self._envelopes.of(event)] if self.random.random() < 0.2 else []
        consumers = [one for one in self._consumers if event.TYPE in one.types]
        return [self._delivery(one, envelope) for one in consumers for envelope in once + anew]

    def _delivery(self, consumer: Subscription, envelope: Envelope) -> Step:
        async def deliver() -> None:
            await consumer.handle(envelope)

        return deliver

    def upload(self, video: VideoId) -> Step:
        """A file begins to arrive, of the guest."""

        async def step() -> None:
            async with self.content.transaction() as tx:
                owner = await Aliases(tx).owner(self.guest)
                now = SystemClock().now()
                await Videos(tx).add_receiving(
                    video, owner, "a.mp4", "video/mp4", now, now + LEASE, plan="guest", size=1
                )

        return step

    def becomes_ready(self, video: VideoId) -> Step:
        """It is stored and examined, and jobs is told, twice."""

        async def step() -> None:
            now, videos = SystemClock().now(), Videos(self.content)
            stored = await videos.accept(
                video, title="a", content_type="video/mp4", size=1, sha256="", now=now,
                expires=now + LEASE,
            )  # fmt: skip
            if stored is None:
                raise NotYet
            now = SystemClock().now()
            while (claim := await videos.claim(now, now + LEASE)) is None:
                await asyncio.sleep(0.01)  # somebody else has the row at this moment
                now = SystemClock().now()  # what is left may have been stored since
            ready = await videos.make_ready(claim, FACTS, now)
            assert ready
            event = VideoReady(ready.id, ready.owner_id, 30.0, True, now, ready.revision)
            for told in self.told(event):
                self.waiting.insert(self.random.randint(0, len(self.waiting)), told)

        return step

    def submit(self, video: VideoId) -> Step:
        """The guest asks for a job, or the user, once the guest is they."""

        async def step() -> None:
            submit = submitting(self.jobs, 0)
            for owner in (self.guest, self.user):
                try:
                    await submit(owner, CaptionsRequest(video_id=video), f"key of {video}")
                except (VideoNotFound, NotEnoughCredits, Conflict):
                    continue
                return
            raise NotYet

        return step

    async def buy(self) -> None:
        """The guest buys credits."""
        async with self.jobs.transaction() as tx:
            owner = await Aliases(tx).owner(self.guest)
            await Credits(tx).record(Entry(owner, EntryKind.GRANT, BOUGHT, 0, "bought"))

    async def finish(self) -> None:
        """A worker takes one of the jobs up and does it."""
        job = await ClaimJob(self.jobs, "worker", 30, 2)()
        if job is None:
            raise NotYet
        await self.meanwhile()
        try:
            await finish(self.jobs, job, TRACK)
        except JobLost:
            raise NotYet from None

    async def cancel(self) -> None:
        """One of the jobs is cancelled."""
        owners = {self.guest, self.user}
        found = [job for one in owners for job in await Jobs(self.jobs).list_of(one, 9, None)]
        under_way = [job for job in found if job.status in UNDER_WAY]
        if len(found) < 2 or not under_way:
            raise NotYet
        try:
            await CancelJob(self.jobs)(under_way[0].owner_id, under_way[0].id)
        except (JobFinished, JobNotFound):  # or it has become the user's in this moment
            raise NotYet from None

    async def meanwhile(self) -> None:
        """While a job runs, something else may happen."""
        if self.waiting:
            await self._try(self.waiting.pop(0))

    async def play(self, steps: Iterable[Step]) -> None:
        """Do the steps in this order; what cannot be done yet is done later."""
        self.waiting = list(steps)
        while self.waiting:
            self.tries += 1
            assert self.tries < 1000, "nothing moves any more"
            await self._try(self.waiting.pop(0))

    async def _try(self, step: Step) -> None:
        try:
            await step()
        except NotYet:
            self.waiting.append(step)

    async def play_at_once(self) -> None:
        """Do everything at the same time, each again until it succeeds, as brokers do."""

        async def persist(step: Step) -> None:
            async with asyncio.timeout(20):
                while not await succeeds(step):
                    await asyncio.sleep(0.01)
            for news in self.waiting:
                group.create_task(persist(news))
            self.waiting = []

        async def succeeds(step: Step) -> bool:
            try:
                await step()
            except (NotYet, DBAPIError):
                return False
            return True

        async with asyncio.TaskGroup() as group:
            for step in self.steps():
                group.create_task(persist(step))

    async def check(self) -> None:
        """Everything is the user's, and as much as there must be."""
        assert await Credits(self.jobs).unbalanced() == []
        had = WELCOME if self.user == self.guest else WELCOME + GUEST
        assert await Credits(self.jobs).balance(self.user) == Balance(had + BOUGHT - 1, 0)
        found = await Jobs(self.jobs).list_of(self.user, 10, None)
        assert sorted(job.status for job in found) == ["cancelled", "succeeded"]
        seen = await Videos(self.content).list_of(self.user, 10, None)
        assert {video.id for video in seen} == set(self.videos)
        if self.user != self.guest:
            assert await self.left() == {}
            assert await Credits(self.jobs).balance(self.guest) == NOTHING

    async def left(self) -> dict[str, int]:
        """How many rows of each table are still the guest's."""
        tables = [
            (self.content, "videos"),
            *((self.jobs, name) for name in ("videos", "jobs", "holds", "idempotency_keys")),
        ]
        found = {}
        for database, table in tables:
            row = await database.one(
                text(f"SELECT count(*) AS n FROM {table} WHERE owner_id = :owner"),
                {"owner": self.guest},
            )
            if row and row.n:
                found[f"{database.schema}.{table}"] = row.n
        return found


@pytest.mark.parametrize("registers", [False, True], ids=["logs in", "registers"])
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
async def test_in_any_order_everything_is_the_users_once(
    content_database: Database, jobs_database: Database, registers: bool, seed: int
) -> None:
    story = Story(content_database, jobs_database, registers=registers, seed=seed)
    steps = story.steps()
    story.random.shuffle(steps)
    await story.play(steps)
    await story.check()


@pytest.mark.parametrize("registers", [False, True], ids=["logs in", "registers"])
async def test_at_the_same_time_everything_is_the_users_once(
    content_database: Database, jobs_database: Database, registers: bool
) -> None:
    for seed in range(5):
        story = Story(content_database, jobs_database, registers=registers, seed=seed)
        await story.play_at_once()
        await story.check()
