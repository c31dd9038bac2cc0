"""Long videos are recognised in parts, by several workers, whatever becomes of one of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.parts.domain import Part
from jobs_service.parts.repository import Parts
from jobs_service.recognition import openai
from jobs_service.recognition.domain import Heard
from jobs_service.tracks.repository import Tracks
from jobs_service.work import parts as parts_module
from jobs_service.work import worker as worker_module
from jobs_service.work.building import Recognition
from jobs_service.work.use_cases import SweepJobs
from shared.db.database import Database
from tests.integration.recognition.crew import PART_SECONDS, PARTS, Crew
from tests.support.sound import silence
from tests.support.speech_server import SpeechServer, refused

REFUSED = refused(401, "invalid_api_key", "Incorrect API key")
BROKEN = refused(500, "server_error", "Oh")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "RETRY_DELAYS", ())
    monkeypatch.setattr(parts_module, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "RETRY_DELAYS", (0.1,))
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 0.2)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return silence(tmp_path_factory.mktemp("video") / "long.wav", PARTS * PART_SECONDS)


@pytest.fixture
async def crew(
    jobs_database: Database, speech_api: SpeechServer, video: Path, tmp_path: Path
) -> AsyncIterator[Crew]:
    yield Crew(jobs_database, speech_api, video, tmp_path)
    assert await Credits(jobs_database).unbalanced() == []


async def words_of(crew: Crew, job: Job) -> list[tuple[str, float, float]]:
    """What the track of the job says, and when."""
    track = await Tracks(crew.database).find_of_job(job.owner_id, job.id)
    assert track is not None
    transcript = await Tracks(crew.database).transcript(track.id)
    return [(word.text, word.start, word.end) for word in transcript.words]


async def claim_for_nobody(crew: Crew, job: Job, lease: float) -> Part:
    """A part that a worker has claimed who is no more."""
    await crew.planned(job)
    part = await Parts(crew.database).claim_any("elsewhere", lease, 2, ["openai"])
    assert part is not None
    assert part.job_id == job.id
    return part


async def attempts_once(crew: Crew, job: Job, number: int, wanted: int) -> dict[int, int]:
    """How often each part has been tried, once that one has been tried so often."""
    async with asyncio.timeout(10):
        while True:
            attempts = {part: one[0] for part, one in (await crew.parts(job)).items()}
            if attempts[number] == wanted:
                return attempts
            await asyncio.sleep(0.02)


async def until_asked_at_once(crew: Crew) -> None:
    """Wait until two workers wait for the server at the same time."""
    async with asyncio.timeout(10):
        while crew.speech.most_at_once < 2:
            await asyncio.sleep(0.01)


async def test_two_workers_share_the_parts_of_one_video_and_what_they_hear_is_merged(
    crew: Crew,
) -> None:
    crew.speech.replies = [both := asyncio.Event(), both]
    async with crew.working("first", "second"):
        job = await crew.submit()
        await until_asked_at_once(crew)
        both.set()
        assert (await crew.succeeded(job)).attempt == 1
    assert len(crew.speech.sent) == PARTS
    words = await words_of(crew, job)
    assert [text for text, _, _ in words] == ["Good", "day."] * PARTS
    times = [time for _, start, end in words for time in (start, end)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(PARTS * PART_SECONDS, abs=0.01)
    assert await crew.parts(job) == {}
    assert await Credits(crew.database).balance(job.owner_id) == Balance(9, 0)


async def test_a_video_that_is_shorter_has_no_parts(crew: Crew) -> None:
    async with crew.working("first", part_seconds=PART_SECONDS * PARTS):
        job = await crew.submit()
        await crew.succeeded(job)
    assert [sent.seconds for sent in crew.speech.sent] == [PART_SECONDS * PARTS]


async def test_only_the_part_of_a_worker_that_is_lost_is_repeated(crew: Crew) -> None:
    first, last = asyncio.Event(), asyncio.Event()
    crew.speech.replies = [first, *[0.0] * (PARTS - 2), last]
    async with crew.working("first"):
        job = await crew.submit()
        lost = await claim_for_nobody(crew, job, lease=0.5)
        first.set()
        attempts = await attempts_once(crew, job, lost.number, 2)
        last.set()
        assert (await crew.succeeded(job)).attempt == 1
    assert attempts == {number: 2 if number == lost.number else 1 for number in range(PARTS)}
    assert len(crew.speech.sent) == PARTS


async def test_what_a_worker_says_that_has_lost_its_part_is_void(crew: Crew) -> None:
    crew.speech.replies = [first := asyncio.Event()]
    async with crew.working("first"):
        job = await crew.submit()
        lost = await claim_for_nobody(crew, job, lease=0.01)
        first.set()
        await crew.succeeded(job)
    parts = Parts(crew.database)
    assert not await parts.heartbeat(lost, 5, 0.5)
    assert not await parts.finish(lost, Heard("en", ()))
    assert [text for text, _, _ in await words_of(crew, job)] == ["Good", "day."] * PARTS


async def test_when_the_worker_that_holds_the_job_is_lost_what_is_done_stays_done(
    crew: Crew,
) -> None:
    crew.speech.replies = [0.1, 30.0]
    async with crew.working("first"):
        job = await crew.submit()
        await crew.when(job, lambda one: one.progress > 0.2)
    assert (await crew.job(job)).status is JobStatus.QUEUED
    before = len(crew.speech.sent)
    assert before == 2
    async with crew.working("second"):
        await crew.succeeded(job)
    assert len(crew.speech.sent) - before == PARTS - 1


async def test_a_part_that_fails_for_a_moment_is_tried_again_alone(crew: Crew) -> None:
    crew.speech.replies = [0.1, BROKEN]
    async with crew.working("first", "second"):
        job = await crew.submit()
        async with asyncio.TaskGroup() as group:
            sweeping = group.create_task(_sweeping(crew.database))
            await crew.succeeded(job)
            sweeping.cancel()
    assert len(crew.speech.sent) == PARTS + 1


async def _sweeping(database: Database) -> None:
    while True:
        await SweepJobs(database, attempts=3)()
        await asyncio.sleep(0.05)


async def test_a_part_that_cannot_be_recognised_fails_the_job_and_releases_its_hold(
    crew: Crew,
) -> None:
    crew.speech.replies = [0.1, *[REFUSED] * 9]
    async with crew.working("first", "second") as recognitions:
        job = await crew.submit()
        failed = await crew.ended(job)
        assert (failed.status, failed.error_code) == (JobStatus.FAILED, "provider_key_refused")
        await _idle(recognitions)
    assert await Credits(crew.database).balance(job.owner_id) == Balance(10, 0)
    assert await Parts(crew.database).forget_ended() == PARTS
    assert await crew.parts(job) == {}


async def test_cancelling_stops_all_who_work_on_parts(crew: Crew) -> None:
    crew.speech.replies = [30.0] * PARTS
    async with crew.working("first", "second") as recognitions:
        job = await crew.submit()
        await until_asked_at_once(crew)
        await CancelJob(crew.database)(job.owner_id, job.id)
        await _idle(recognitions)
        crew.speech.replies = []
        other = await crew.submit()  # the worker that held the job is free, too
        await crew.succeeded(other)
    assert (await crew.job(job)).status is JobStatus.CANCELLED
    assert await Credits(crew.database).balance(job.owner_id) == Balance(10, 0)


async def _idle(recognitions: Sequence[Recognition]) -> None:
    async with asyncio.timeout(5):
        while any(one.helping.under_way for one in recognitions):
            await asyncio.sleep(0.01)


async def test_parts_of_other_lengths_replace_those_that_were_planned_before(crew: Crew) -> None:
    """Settings may change while a job waits for its next attempt."""
    crew.speech.replies = [0.1, 30.0]
    async with crew.working("first"):
        job = await crew.submit()
        await crew.when(job, lambda one: one.progress > 0.2)
    async with crew.working("second", part_seconds=PART_SECONDS * 2):
        await crew.succeeded(job)
    assert sum(one.seconds for one in crew.speech.sent[2:]) == PART_SECONDS * PARTS
    assert len(await words_of(crew, job)) == PARTS


async def test_a_worker_helps_only_where_it_has_the_provider(crew: Crew) -> None:
    crew.speech.replies = [first := asyncio.Event()]
    async with crew.working("first"):
        job = await crew.submit()
        await crew.planned(job)
        assert await Parts(crew.database).claim_any("elsewhere", 5, 2, ["sphinx"]) is None
        first.set()
        await crew.succeeded(job)


async def test_no_file_is_left_by_those_who_have_shared_a_video(crew: Crew, tmp_path: Path) -> None:
    async with crew.working("first", "second"):
        await crew.succeeded(await crew.submit())
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - nor may it block
