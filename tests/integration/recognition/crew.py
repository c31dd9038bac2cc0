"""Workers that recognise long videos with each other, by a speech server on this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.settings import JobsSettings
from jobs_service.work.building import Recognition, build_recognition
from jobs_service.work.caption import CaptionVideo
from jobs_service.work.progress import ProgressReports
from jobs_service.work.sources import Sources
from jobs_service.work.subscriptions import broadcasts
from jobs_service.work.worker import Worker, WorkerLimits
from shared.db.database import Database
from shared.messaging.in_process import InProcessBroker
from shared.runtime.children import Limits
from shared.security.principal import UserId
from shared.storage.scratch import Scratch
from tests.integration.jobs.conftest import Setting
from tests.support.chat_server import KEY
from tests.support.jobs import submitting
from tests.support.speech_server import SpeechServer

PARTS, PART_SECONDS = 4, 5
LEASE = 1.5
_ATTEMPTS = text("SELECT number, attempt, state, worker FROM parts WHERE job_id = :job")


class Crew:
    """Workers, and the jobs that they are given; `video` is what every video consists of."""

    def __init__(self, database: Database, speech: SpeechServer, video: Path, work: Path) -> None:
        self.database = database
        self.speech = speech
        self._work = work
        self._broker = InProcessBroker()
        self._setting = Setting(database)
        self._content = Starlette(routes=[Route("/internal/videos/{id}/content", self._send)])
        self._video = video

    async def _send(self, request: Request) -> Response:
        return FileResponse(self._video)

    async def submit(self, balance: int = 10) -> Job:
        """A captions job of a new user."""
        owner = UserId(await self._setting.user(balance))
        video = await self._setting.video(owner, seconds=PARTS * PART_SECONDS)
        return await submitting(self.database)(owner, CaptionsRequest(video_id=video.id), None)

    @asynccontextmanager
    async def working(self, *names: str, **settings: Any) -> AsyncIterator[list[Recognition]]:
        """Workers of these names, each of one job or part at a time."""
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            made = [await self._worker(stack, name, settings) for name in names]
            running = [group.create_task(worker.run(lambda: None)) for worker, _ in made]
            running.append(group.create_task(self._broker.run(lambda: None)))
            try:
                yield [recognition for _, recognition in made]
            finally:
                for task in running:
                    task.cancel()

    async def _worker(
        self, stack: AsyncExitStack, name: str, given: dict[str, Any]
    ) -> tuple[Worker, Recognition]:
        given = {"caption_providers": "openai", "part_seconds": PART_SECONDS, **given}
        settings = JobsSettings(
            secret_key=SecretStr("k" * 40),
            database_url=SecretStr("postgresql+asyncpg://not/used"),
            amqp_url=SecretStr("in-process:"),
            openai_base_url=self.speech.base_url,
            openai_api_key=SecretStr(KEY),
            lease_seconds=LEASE,
            **given,
        )
        transport = httpx.ASGITransport(self._content)
        content = httpx.AsyncClient(transport=transport, base_url="http://content")
        await stack.enter_async_context(content)
        scratch = Scratch("source", self._work)
        limits = Limits(memory_bytes=2 * 1024**3, cpu_seconds=60, wall_seconds=60)
        recognition = build_recognition(
            settings,
            self.database,
            self._broker,
            Sources(content, scratch),
            scratch,
            limits,
            name,
        )
        stack.push_async_callback(recognition.sounds.close)
        worker = Worker(
            self.database,
            name,
            10,
            WorkerLimits(concurrency=1, attempts=3, lease=LEASE, attempt_time=60),
            {"captions": CaptionVideo(recognition.video)},
            ProgressReports(self._broker),
            recognition.helping,
        )
        self._broker.subscribe(*broadcasts(worker, recognition.helping, recognition.news))
        return worker, recognition

    async def job(self, job: Job) -> Job:
        """The job as it stands."""
        found = await Jobs(self.database).find(job.owner_id, job.id)
        assert found is not None
        return found

    async def ended(self, job: Job) -> Job:
        """The job once it has ended."""
        return await self.when(job, lambda one: one.status not in ("queued", "running"))

    async def succeeded(self, job: Job) -> Job:
        """The job, which must have succeeded."""
        found = await self.ended(job)
        assert found.status is JobStatus.SUCCEEDED, (found.error_code, found.error_detail)
        return found

    async def when(self, job: Job, met: Callable[[Job], bool]) -> Job:
        """The job once `met` is true of it."""
        async with asyncio.timeout(20):
            while not met(found := await self.job(job)):
                await asyncio.sleep(0.01)
        return found

    async def parts(self, job: Job) -> dict[int, tuple[int, str, str | None]]:
        """Attempt, state and worker of each of the job's parts."""
        rows = await self.database.all(_ATTEMPTS, {"job": job.id})
        return {row.number: (row.attempt, row.state, row.worker) for row in rows}

    async def planned(self, job: Job) -> dict[int, tuple[int, str, str | None]]:
        """The job's parts, once it has some."""
        async with asyncio.timeout(20):
            while not (found := await self.parts(job)):
                await asyncio.sleep(0.01)
        return found
