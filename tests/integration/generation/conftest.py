"""The writing of texts on a real PostgreSQL, with a model server on this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantWelcomeCredits
from jobs_service.feature import Base
from jobs_service.generation import building
from jobs_service.generation.kind import OrderText
from jobs_service.generation.schemas import GenerateAnswer
from jobs_service.jobs.domain import Job
from jobs_service.jobs.kinds import Kinds
from jobs_service.jobs.repository import Jobs
from jobs_service.settings import JobsSettings
from shared.clock import SystemClock
from shared.db.database import Database
from shared.http.application import build_app
from shared.ids import uuid7
from shared.runtime.http_server import HttpServer, bind
from shared.security.principal import UserId
from tests.integration.content.world import TrustingAuthenticator
from tests.support.chat_server import KEY, ChatServer, chat_server

PATH = "/api/v2/generate"
WELCOME = 20


@pytest.fixture(scope="session")
async def _chat() -> AsyncIterator[ChatServer]:
    async with chat_server() as server:
        yield server


@pytest.fixture
def chat(_chat: ChatServer) -> ChatServer:
    _chat.reset()
    return _chat


@pytest.fixture
async def database(jobs_database: Database) -> AsyncIterator[Database]:
    yield jobs_database
    assert await Credits(jobs_database).unbalanced() == [], "accounts differ from their entries"


def settings_for(chat: ChatServer, **more: Any) -> JobsSettings:
    """Settings of a service whose model server is `chat`."""
    given: dict[str, Any] = {
        "secret_key": "k" * 40,
        "database_url": "postgresql+asyncpg://not/used",
        "amqp_url": "in-process:",
        "openai_base_url": chat.base_url,
        "openai_api_key": KEY,
        "lease_seconds": 1.5,
        "text_first_seconds": 5.0,
        "text_silence_seconds": 5.0,
        **more,
    }
    return JobsSettings(**given)


@dataclass
class Served:
    """A process that writes texts: where it answers, and what it is built on."""

    url: str
    base: Base
    server: HttpServer

    def stop(self) -> None:
        """End it as an operator would."""
        self.server.should_exit = True


@dataclass
class Writer:
    """A user of a process that writes texts, and what the process has."""

    owner: UserId
    http: httpx.AsyncClient
    base: Base

    async def ask(self, wanted: int = 200, key: str | None = None, **body: Any) -> Any:
        """The JSON of an answer with the status `wanted`."""
        headers = {"idempotency-key": key} if key else {}
        body.setdefault("prompt", "Say hello")
        answer = await self.http.post(PATH, json=body, headers=headers)
        assert answer.status_code == wanted, answer.text
        return answer.json()

    @asynccontextmanager
    async def streaming(
        self, key: str | None = None, **body: Any
    ) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """The events of a streamed answer."""
        headers = {"idempotency-key": key} if key else {}
        asked = {"prompt": "Say hello", "stream": True, **body}
        async with self.http.stream("POST", PATH, json=asked, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield events_of(answer)

    async def streamed(self, key: str | None = None, **body: Any) -> list[tuple[str, Any]]:
        """All events of a streamed answer."""
        async with self.streaming(key, **body) as events:
            return [one async for one in events]

    async def balance(self) -> Balance:
        """What the user has."""
        return await Credits(self.base.database).balance(self.owner)

    async def job(self, job_id: str | None = None) -> Job:
        """A job of the user, or their newest."""
        jobs = Jobs(self.base.database)
        if job_id is None:
            return (await jobs.list_of(self.owner, 1, None))[0]
        found = await jobs.find(self.owner, UUID(job_id))
        assert found is not None
        return found

    async def ended(self) -> Job:
        """The newest job, once it has ended."""
        async with asyncio.timeout(5):
            while (job := await self.job()).finished_at is None:
                await asyncio.sleep(0.01)
        return job

    @property
    def order(self) -> OrderText:
        """What prices texts."""
        return OrderText(self.base.texts, self.base.prices)


async def events_of(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The name and the data of each event."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, msgspec.json.decode(line[6:])


@asynccontextmanager
async def serving(database: Database, settings: JobsSettings) -> AsyncIterator[Served]:
    """A process that writes texts, and answers on a port of its own."""
    base = Base(settings, database, SystemClock())
    app = build_app(
        "jobs",
        endpoints=building.build(base).endpoints,
        authenticate=TrustingAuthenticator(),
        checks={},
    )
    started = asyncio.Event()
    with bind("127.0.0.1", 0) as bound:
        server = HttpServer(app, 0.1, started.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([bound]))
            await started.wait()
            try:
                yield Served(f"http://127.0.0.1:{bound.getsockname()[1]}", base, server)
            finally:
                server.should_exit = True
    await base.texts.aclose()


@asynccontextmanager
async def user_of(served: Served) -> AsyncIterator[Writer]:
    """A user with credits."""
    owner = UserId(uuid7())
    async with served.base.database.transaction() as tx:
        await GrantWelcomeCredits(WELCOME)(tx, owner)
    headers = {"authorization": f"Bearer {owner}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=10) as http:
        yield Writer(owner, http, served.base)


@asynccontextmanager
async def writing(database: Database, settings: JobsSettings) -> AsyncIterator[Writer]:
    """A user of a process of their own."""
    async with serving(database, settings) as served, user_of(served) as made:
        yield made


@pytest.fixture(scope="session")
async def _served(_jobs: Database, _chat: ChatServer) -> AsyncIterator[Served]:
    async with serving(_jobs, settings_for(_chat)) as served:
        yield served


@pytest.fixture
async def writer(database: Database, chat: ChatServer, _served: Served) -> AsyncIterator[Writer]:
    async with user_of(_served) as made:
        yield made


def kinds_of(writer: Writer) -> Kinds:
    """The jobs that texts are."""
    return {kind.request: kind for kind in building.build(writer.base).kinds}


def answer_of(told: Any) -> GenerateAnswer:
    """An answer as the type that it is declared to be."""
    return msgspec.convert(told, GenerateAnswer)
