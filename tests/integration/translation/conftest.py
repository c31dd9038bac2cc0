"""Translating on a real PostgreSQL, with a model server on this machine."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.track import Track
from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantWelcomeCredits
from jobs_service.feature import Base
from jobs_service.jobs.domain import Job
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.submit import SubmitJob
from jobs_service.tracks.domain import CaptionTrack, Content, NewTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.use_cases import FindTrack
from jobs_service.translation.building import build, performers
from jobs_service.translation.schemas import TranslationRequest, TranslationResult
from jobs_service.work.progress import Progress
from jobs_service.work.use_cases import ClaimJob, FinishJob
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.generation.conftest import settings_for
from tests.support.chat_server import ChatServer, chat_server

CUES = (
    Cue(0.5, 2.0, ("Good morning.",)),
    Cue(2.5, 4.0, ("And welcome",)),
    Cue(4.5, 6.0, ("♪",)),
    Cue(6.5, 9.0, ("to the courtyard.",)),
)
WELCOME = 20


@pytest.fixture(scope="session")
async def _interpreter() -> AsyncIterator[ChatServer]:
    async with chat_server() as server:
        yield server


@pytest.fixture
def chat(_interpreter: ChatServer) -> ChatServer:
    _interpreter.reset()
    return _interpreter


@pytest.fixture
async def database(jobs_database: Database) -> AsyncIterator[Database]:
    yield jobs_database
    assert await Credits(jobs_database).unbalanced() == [], "accounts differ from their entries"


@dataclass
class Author:
    """Somebody with captions to be translated, and the process that does it."""

    owner: UserId
    base: Base

    async def track(
        self, cues: Sequence[Cue] = CUES, *, language: str = "en", seconds: float = 130.0
    ) -> UUID:
        """A new track of a video of that length."""
        rules = rules_for(language)
        transcript = Transcript(language, "import", seconds, ())
        new = NewTrack.of(Track(transcript, tuple(cues), assess(cues, rules)), "adult", "imported")
        async with self.base.database.transaction() as tx:
            await Tracks(tx).add(self.owner, uuid7(), new)
        return new.id

    async def submit(self, request: TranslationRequest) -> Job:
        """Queue the job."""
        kinds = {kind.request: kind for kind in build(self.base).kinds}
        submit = SubmitJob(self.base.database, kinds, SystemClock())
        return await submit(self.owner, request, None)

    async def claimed(self, request: TranslationRequest) -> Job:
        """The job, as a worker has claimed it."""
        await self.submit(request)
        job = await ClaimJob(self.base.database, "worker", 60, 10)()
        assert job is not None
        return job

    async def work(self, job: Job, progress: Progress | None = None) -> TranslationResult:
        """Do the work of a claimed job, and end it."""
        perform = performers(self.base)["translation"]  # type: ignore[arg-type]
        result = await perform(job, progress or Progress())
        await FinishJob(self.base.database)(job, result)
        ended = await self.job(job.id)
        assert ended.result is not None
        return msgspec.json.decode(ended.result, type=TranslationResult)

    async def job(self, job_id: UUID) -> Job:
        """The job as it stands."""
        found = await Jobs(self.base.database).find(self.owner, job_id)
        assert found is not None
        return found

    async def translated(self, result: TranslationResult) -> tuple[CaptionTrack, Content]:
        """The track that was made."""
        find = FindTrack(self.base.database)
        track = await find(self.owner, result.track_id)
        return track, await find.content(track)

    async def balance(self) -> Balance:
        """What the author has."""
        return await Credits(self.base.database).balance(self.owner)


async def author_of(database: Database, chat: ChatServer, **settings: Any) -> Author:
    """An author with credits."""
    owner = UserId(uuid7())
    async with database.transaction() as tx:
        await GrantWelcomeCredits(WELCOME)(tx, owner)
    return Author(owner, Base(settings_for(chat, **settings), database, SystemClock()))


@pytest.fixture
async def author(database: Database, chat: ChatServer) -> AsyncIterator[Author]:
    made = await author_of(database, chat)
    yield made
    await made.base.texts.aclose()
