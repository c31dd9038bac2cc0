"""Copies of videos with captions, from the order to the new video, over both services."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from jobs_service.burn_in.building import build, performers
from jobs_service.burn_in.domain import CaptionsNotDrawable, NoRoomForCopy, NothingToBurnIn
from jobs_service.burn_in.schemas import BurnInRequest, BurnInResult
from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.track import Track
from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.credits.use_cases import GrantWelcomeCredits
from jobs_service.feature import Base, WorkerBase
from jobs_service.jobs.domain import Job
from jobs_service.jobs.submit import SubmitJob
from jobs_service.jobs.use_cases import FindJob
from jobs_service.settings import JobsSettings
from jobs_service.tracks.domain import NewTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.videos.domain import KnownVideo, VideoHasNoPicture, VideoNotFound
from jobs_service.videos.repository import Videos
from jobs_service.work.performing import Perform
from jobs_service.work.progress import Progress
from jobs_service.work.sources import SourceGone, Sources, SourceUnavailable
from jobs_service.work.use_cases import ClaimJob, FinishJob
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.runtime.children import Limits
from shared.security.principal import UserId
from shared.storage.scratch import Scratch
from shared.storage.storage import Storage
from tests.integration.burn_in.films import CUES, FONTS, difference, film, packets, seen
from tests.integration.content.world import PLANS, World, upload
from tests.support.media import make_media

WELCOME = 20
LIMITS = Limits(memory_bytes=2 * 1024**3, cpu_seconds=60, wall_seconds=60)


class EndsInMidUpload(httpx.ASGITransport):
    """A connection that breaks when a file is sent."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            raise httpx.WriteError("gone")
        return await super().handle_async_request(request)


@dataclass
class Studio:
    """A user with a video, and the processes of both services."""

    owner: UserId
    base: Base
    world: World
    work_dir: Path
    video: KnownVideo

    async def track(self, cues: Sequence[Cue] = CUES) -> UUID:
        """Captions of the video."""
        transcript = Transcript("ko", "import", self.video.duration_seconds, ())
        quality = assess(cues, rules_for("ko"))
        new = NewTrack.of(Track(transcript, tuple(cues), quality), "adult", "imported")
        async with self.base.database.transaction() as tx:
            await Tracks(tx).add(self.owner, self.video.id, new)
        return new.id

    async def submit(self, request: BurnInRequest) -> Job:
        """Queue the job."""
        kinds = {kind.request: kind for kind in build(self.base).kinds}
        submit = SubmitJob(self.base.database, kinds, SystemClock())
        return await submit(self.owner, request, None)

    async def claimed(self) -> Job:
        """A job on a new track, as a worker has claimed it."""
        await self.submit(BurnInRequest(track_id=await self.track()))
        job = await ClaimJob(self.base.database, "worker", 60, 10)()
        assert job is not None
        return job

    def performer(self, content: httpx.AsyncClient | None = None) -> Perform:
        """What a worker does that reaches content by that client."""
        sources = Sources(content or self.world.client("jobs"), Scratch("test", self.work_dir))
        base = WorkerBase(
            self.base.settings,
            self.base.database,
            SystemClock(),
            sources,
            LIMITS,
            self.base.texts,
            None,  # type: ignore[arg-type]  # nothing is recognised here
        )
        return performers(base)["burn_in"]

    async def balance(self) -> Balance:
        """What the user has."""
        return await Credits(self.base.database).balance(self.owner)

    async def copies(self) -> list[Any]:
        """Rows of videos beside the first."""
        return [row for row in await self.world.rows() if row["id"] != self.video.id]

    def leftovers(self) -> list[Path]:
        """Files that a worker has left."""
        return [*self.work_dir.iterdir()]


async def studio_of(
    jobs: Database, content: Database, folder: Path, path: Path, *, has_picture: bool = True
) -> Studio:
    """With the video at `path`."""
    world = World.build(content, Storage.open((folder / "files").as_uri()))
    owner = UserId(uuid7())
    view = await upload(world.client(owner), path, "A talk")
    assert await world.prober.probe_next()
    async with jobs.transaction() as tx:
        await GrantWelcomeCredits(WELCOME)(tx, owner)
    video = KnownVideo(UUID(view["id"]), owner, 2.0, True, True, 1, has_picture)
    await Videos(jobs).save(video)
    given: dict[str, Any] = {
        "secret_key": "k" * 40,
        "database_url": "postgresql+asyncpg://not/used",
        "amqp_url": "in-process:",
    }
    (folder / "work").mkdir()
    base = Base(JobsSettings(**given), jobs, SystemClock())
    return Studio(owner, base, world, folder / "work", video)


@pytest.fixture
async def studio(
    jobs_database: Database, content_database: Database, tmp_path: Path
) -> AsyncIterator[Studio]:
    path = film(tmp_path / "film.mp4")
    yield await studio_of(jobs_database, content_database, tmp_path, path)
    assert await Credits(jobs_database).unbalanced() == []


async def test_a_job_makes_a_new_video_of_the_same_owner(studio: Studio, tmp_path: Path) -> None:
    job, progress = await studio.claimed(), Progress()
    assert (job.price, await studio.balance()) == (1, Balance(WELCOME - 1, 1))
    await FinishJob(studio.base.database)(job, await studio.performer()(job, progress))
    ended = await FindJob(studio.base.database)(studio.owner, job.id)
    assert ended.result is not None
    result = msgspec.json.decode(ended.result, type=BurnInResult)
    assert (ended.spent, await studio.balance()) == (1, Balance(WELCOME - 1, 0))
    assert (result.source_video_id, result.version, result.left_out) == (studio.video.id, 1, ())
    assert progress.reached == 1.0

    assert await studio.world.prober.probe_next()
    client = studio.world.client(studio.owner)
    copy = (await client.get(f"/api/videos/{result.video_id}")).json()
    assert (copy["title"], copy["state"], copy["video_codec"]) == ("A talk [ko]", "ready", "h264")
    content = (await client.get(f"/api/videos/{result.video_id}/content")).content
    path = tmp_path / "copy.mp4"
    path.write_bytes(content)
    before, after = seen(tmp_path / "film.mp4"), seen(path)
    assert difference(before[2][1], after[2][1]) < 6
    assert difference(before[7][1], after[7][1]) > 60
    assert studio.leftovers() == []


async def test_another_attempt_finds_the_copy_of_the_first(studio: Studio) -> None:
    job = await studio.claimed()
    first = await studio.performer()(job, Progress())  # and its worker dies
    again = Progress()
    second = await studio.performer()(job, again)
    assert first.shown == second.shown
    assert again.reached == 0.0, "it was drawn once more"
    assert len(await studio.copies()) == 1


async def test_a_job_that_is_cancelled_while_it_draws_leaves_nothing(studio: Studio) -> None:
    job, progress = await studio.claimed(), Progress()
    work = asyncio.ensure_future(studio.performer()(job, progress))
    async with asyncio.timeout(20):
        while not studio.leftovers():
            await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert studio.leftovers() == []
    assert await studio.copies() == []


async def test_without_room_nothing_is_fetched_or_drawn(
    studio: Studio, content_database: Database
) -> None:
    job = await studio.claimed()
    full = {**PLANS, "free": msgspec.structs.replace(PLANS["free"], videos=1)}
    world = World.build(content_database, studio.world.storage, plans=full)
    with pytest.raises(NoRoomForCopy, match="keeps 1 videos"):
        await studio.performer(world.client("jobs"))(job, Progress())
    assert await studio.copies() == []


async def test_a_video_that_is_gone_ends_the_job(studio: Studio) -> None:
    job = await studio.claimed()
    await studio.world.client(studio.owner).delete(f"/api/videos/{studio.video.id}")
    with pytest.raises(SourceGone):
        await studio.performer()(job, Progress())


async def test_a_content_service_that_is_away_is_asked_again_later(studio: Studio) -> None:
    job = await studio.claimed()
    away = httpx.AsyncClient(base_url="http://127.0.0.1:1")
    with pytest.raises(SourceUnavailable) as caught:
        await studio.performer(away)(job, Progress())
    assert caught.value.retriable
    await away.aclose()


async def test_a_content_service_that_ends_in_mid_upload_is_asked_again_later(
    studio: Studio,
) -> None:
    job = await studio.claimed()
    content = httpx.AsyncClient(
        transport=EndsInMidUpload(studio.world.app),
        base_url="http://content",
        headers={"authorization": "Bearer jobs"},
    )
    with pytest.raises(SourceUnavailable):
        await studio.performer(content)(job, Progress())
    assert studio.leftovers() == []
    assert await studio.copies() == []


async def test_sound_is_not_encoded_again(
    jobs_database: Database, content_database: Database, tmp_path: Path
) -> None:
    source = make_media(tmp_path / "talk.mp4")
    studio = await studio_of(jobs_database, content_database, tmp_path, source)
    job = await studio.claimed()
    result = await studio.performer()(job, Progress())
    assert isinstance(result.shown, BurnInResult)
    copy = studio.world.storage.local_path(f"videos/{result.shown.video_id}")
    assert copy is not None
    assert packets(copy) == packets(source)


async def test_what_cannot_be_drawn_is_refused_before_it_costs(studio: Studio) -> None:
    empty, thai = await studio.track([]), await studio.track([Cue(0, 1, ("สวัสดี",))])
    with pytest.raises(NothingToBurnIn):
        await studio.submit(BurnInRequest(track_id=empty))
    with pytest.raises(CaptionsNotDrawable):
        await studio.submit(BurnInRequest(track_id=thai))
    assert await studio.balance() == Balance(WELCOME, 0)


async def test_sound_alone_is_refused_before_it_costs(
    jobs_database: Database, content_database: Database, tmp_path: Path
) -> None:
    source = make_media(tmp_path / "talk.mp4", picture=False)
    studio = await studio_of(jobs_database, content_database, tmp_path, source, has_picture=False)
    with pytest.raises(VideoHasNoPicture):
        await studio.submit(BurnInRequest(track_id=await studio.track()))
    assert await studio.balance() == Balance(WELCOME, 0)


async def test_a_video_that_is_gone_is_refused_before_it_costs(studio: Studio) -> None:
    track = await studio.track()
    gone = msgspec.structs.replace(studio.video, available=False, revision=2)
    await Videos(studio.base.database).save(gone)
    with pytest.raises(VideoNotFound):
        await studio.submit(BurnInRequest(track_id=track))


async def test_signs_that_no_font_has_are_told(studio: Studio) -> None:
    track = await studio.track([Cue(0, 1, ("잘했어요 😀",))])
    await studio.submit(BurnInRequest(track_id=track))
    job = await ClaimJob(studio.base.database, "worker", 60, 10)()
    assert job is not None
    result = await studio.performer()(job, Progress())
    assert isinstance(result.shown, BurnInResult)
    assert result.shown.left_out == ("😀",)
    assert studio.base.settings.caption_fonts == FONTS
