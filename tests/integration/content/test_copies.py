"""Copies of videos that jobs make: one for each job, and none of a job that has ended."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text

from content_service.copies.repository import Copies
from content_service.copies.use_cases import DiscardCopy, ForgetCopies
from content_service.subscriptions import subscriptions
from content_service.videos.use_cases import AdoptVideos, EraseOwner
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.event import Envelope
from shared.messaging.inbox import Inbox
from shared.storage.storage import Storage
from tests.integration.content.world import PLANS, World, upload

PLAN = PLANS["free"]


@pytest.fixture
def film(good: Path) -> bytes:
    """The bytes of a good video."""
    return good.read_bytes()


@pytest.fixture
def worker(world: World) -> httpx.AsyncClient:
    """A client of the jobs service."""
    return world.client("jobs")


@pytest.fixture
async def source(world: World, client: httpx.AsyncClient, good: Path) -> dict[str, Any]:
    """A video that is ready."""
    video = await upload(client, good, "A talk")
    assert await world.prober.probe_next()
    return video


def path_of(video: dict[str, Any], job_id: UUID) -> str:
    return f"/internal/videos/{video['id']}/copies/{job_id}"


async def put(
    worker: httpx.AsyncClient,
    video: dict[str, Any],
    job_id: UUID,
    content: bytes,
    wanted: int = 200,
) -> Any:
    """Hand in a copy; the answer."""
    answer = await worker.put(path_of(video, job_id), params={"note": "ko"}, content=content)
    assert answer.status_code == wanted, answer.text
    return answer.json()


async def end_job(world: World, job_id: UUID, job_type: str = "burn_in") -> None:
    """Tell content that a job was cancelled."""
    erase = EraseOwner(world.clock, lambda: None)
    heard = {one.name: one for one in subscriptions(Inbox(world.database), erase)}
    await heard["content.job-cancelled"].handle(
        Envelope(
            id=uuid7(),
            source="jobs",
            type="jobs.job.cancelled",
            time=world.clock.now(),
            subject=str(job_id),
            dataschema="jobs.job.cancelled/v1",
            data=msgspec.Raw(msgspec.json.encode({"job_id": job_id, "job_type": job_type})),
        )
    )


async def test_a_copy_is_a_video_of_the_same_owner_under_the_same_plan(
    world: World, worker: httpx.AsyncClient, client: httpx.AsyncClient,
    source: dict[str, Any], film: bytes,
) -> None:  # fmt: skip
    job_id = uuid7()
    assert (await worker.get(path_of(source, job_id))).json() == {"video_id": None}
    made = (await put(worker, source, job_id, film))["video_id"]
    assert await world.prober.probe_next()
    copy = (await client.get(f"/api/videos/{made}")).json()
    assert (copy["title"], copy["state"]) == ("A talk [ko]", "ready")
    assert copy["sha256"] == source["sha256"]
    assert copy["size_bytes"] == len(film)
    rows = {str(row["id"]): row for row in await world.rows()}
    assert copy["filename"] == "good [ko].mp4"
    for name in ("owner_id", "plan"):
        assert rows[made][name] == rows[source["id"]][name]
    assert rows[made]["expires_at"] == world.clock.now() + PLAN.retention
    assert (await worker.get(path_of(source, job_id))).json() == {"video_id": made}


async def test_a_job_has_one_copy_however_often_it_hands_one_in(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    job_id, content = uuid7(), film
    both = await asyncio.gather(*(put(worker, source, job_id, content) for _ in range(2)))
    assert both[0] == both[1]
    assert await put(worker, source, job_id, b"not even read") == both[0]
    videos = [row for row in await world.rows() if row["state"] != "deleted"]
    assert len(videos) == 2
    assert len(await world.keys()) == 3  # with the poster of the source


async def test_of_a_job_that_was_cancelled_no_copy_is_taken(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    job_id = uuid7()
    await end_job(world, job_id)
    refused = await put(worker, source, job_id, film, 409)
    assert refused["code"] == "copy_unwanted"
    assert (await worker.get(path_of(source, job_id))).json()["code"] == "copy_unwanted"
    assert len(await world.rows()) == 1


async def test_a_job_that_is_cancelled_while_its_copy_arrives_leaves_nothing(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    job_id, content = uuid7(), film
    before = await world.keys()

    async def blocks() -> AsyncIterator[bytes]:
        yield content[:1000]
        await end_job(world, job_id)
        yield content[1000:]

    answer = await worker.put(
        path_of(source, job_id),
        params={"note": "ko"},
        content=blocks(),
        headers={"content-length": str(len(content))},
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "copy_unwanted")
    assert await world.keys() == before
    assert [str(row["id"]) for row in await world.rows()] == [source["id"]]


async def test_the_copy_of_a_job_that_ends_without_success_goes(
    world: World, worker: httpx.AsyncClient, client: httpx.AsyncClient,
    source: dict[str, Any], film: bytes,
) -> None:  # fmt: skip
    job_id = uuid7()
    made = (await put(worker, source, job_id, film))["video_id"]
    await end_job(world, job_id)
    assert (await client.get(f"/api/videos/{made}")).status_code == 404
    assert (await world.event_types())[-1] == "content.video.deleted"
    world.clock.advance(300)
    await world.sweeper.sweep()
    assert [str(row["id"]) for row in await world.rows()] == [source["id"]]
    assert not any(made in key for key in await world.keys())


async def test_the_copy_of_a_guest_who_has_registered_meanwhile_goes_too(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes, user: UUID
) -> None:
    job_id, registered = uuid7(), uuid7()
    made = (await put(worker, source, job_id, film))["video_id"]
    adopting = asyncio.Event()

    async def adopt() -> None:
        async with world.database.transaction() as tx:
            await AdoptVideos()(tx, user, registered)
            adopting.set()
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        group.create_task(adopt())
        await adopting.wait()
        group.create_task(end_job(world, job_id))
    states = {str(row["id"]): row["state"] for row in await world.rows()}
    assert states[made] == "deleted"
    assert states[source["id"]] == "ready"


async def test_the_end_of_other_jobs_concerns_no_copy(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    job_id = uuid7()
    await end_job(world, job_id, "captions")
    await put(worker, source, job_id, film)


async def test_a_copy_that_breaks_off_leaves_nothing(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    before, content = await world.keys(), film
    for announced in (len(content) - 1, len(content) + 1):
        answer = await worker.put(
            path_of(source, uuid7()),
            params={"note": "ko"},
            content=content,
            headers={"content-length": str(announced)},
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "copy_cut_off")
    assert await world.keys() == before
    assert len(await world.rows()) == 1


async def test_a_worker_that_is_killed_leaves_nothing(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    before, content = await world.keys(), film

    async def blocks() -> AsyncIterator[bytes]:
        yield content[:1000]
        await asyncio.Event().wait()

    sending = asyncio.create_task(
        worker.put(
            path_of(source, uuid7()),
            params={"note": "ko"},
            content=blocks(),
            headers={"content-length": str(len(content))},
        )
    )
    async with asyncio.timeout(5):
        while len(await world.rows()) == 1:
            await asyncio.sleep(0.01)
    sending.cancel()
    await asyncio.wait({sending})
    assert await world.keys() == before
    assert len(await world.rows()) == 1
    assert not [file for file in world.files() if "incoming" in str(file)]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"videos": 1}, "too_many_videos"), ({"total_bytes": 1}, "quota_exceeded")],
)
async def test_a_copy_needs_room_before_the_work_begins(
    content_database: Database, tmp_path: Path, user: UUID, good: Path, film: bytes,
    change: dict[str, int], code: str,
) -> None:  # fmt: skip
    storage = Storage.open((tmp_path / "more").as_uri())
    roomy = World.build(content_database, storage)
    video = await upload(roomy.client(user), good)
    assert await roomy.prober.probe_next()
    full = {**PLANS, "free": msgspec.structs.replace(PLAN, **change)}
    worker = World.build(content_database, storage, plans=full).client("jobs")
    refused = await worker.get(path_of(video, uuid7()))
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert (await put(worker, video, uuid7(), film, 409))["code"] == code
    assert len(await roomy.rows()) == 1


async def test_the_copy_of_a_video_that_is_gone_is_not_taken(
    worker: httpx.AsyncClient, client: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    await client.delete(f"/api/videos/{source['id']}")
    assert (await put(worker, source, uuid7(), film, 404))["code"] == "video_not_found"


@pytest.mark.parametrize("caller", ["auth", "content"])
async def test_nobody_but_workers_hands_in_copies(
    world: World, source: dict[str, Any], caller: str
) -> None:
    other = world.client(caller)
    assert (await other.get(path_of(source, uuid7()))).status_code == 403


async def test_what_is_known_of_jobs_is_forgotten_and_their_videos_stay(
    world: World, worker: httpx.AsyncClient, source: dict[str, Any], film: bytes
) -> None:
    job_id = uuid7()
    made = (await put(worker, source, job_id, film))["video_id"]
    await ForgetCopies(world.database)()
    assert await Copies(world.database).find(job_id) is not None
    async with world.database.transaction() as tx:
        await DiscardCopy(world.clock, lambda: None)(tx, uuid7())
    await world.database.run(text("UPDATE copies SET created_at = created_at - interval '31 days'"))
    await ForgetCopies(world.database)()
    assert await Copies(world.database).find(job_id) is None
    assert made in {str(row["id"]) for row in await world.rows()}
