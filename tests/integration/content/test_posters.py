"""Posters: sent to their owner alone, and gone with the video whatever becomes of it."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from auth_service.events import UserDeleted
from content_service.videos import prober as prober_module
from content_service.videos.domain import EMPTYING
from content_service.videos.prober import LEASE
from content_service.videos.repository import Videos
from shared.ids import uuid7
from shared.storage.storage import Storage, StorageUnavailable
from tests.integration.content.test_erasure import hear
from tests.integration.content.world import RETENTION, World, upload
from tests.support.media import make_media


async def ready(world: World, client: httpx.AsyncClient, file: Path) -> dict[str, object]:
    """A video that has been examined; its view."""
    video_id = (await upload(client, file))["id"]
    assert await world.prober.probe_next()
    view: dict[str, object] = (await client.get(f"/api/videos/{video_id}")).json()
    assert view["state"] == "ready"
    return view


async def test_a_video_that_is_ready_has_a_poster(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    view = await ready(world, client, good)
    assert view["poster_url"] == f"/api/videos/{view['id']}/poster"
    answer = await client.get(str(view["poster_url"]))
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["content-disposition"].startswith("inline")
    assert await world.keys() == {f"videos/{view['id']}", f"posters/{view['id']}"}


async def test_it_is_sent_once_and_then_known(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    url = str((await ready(world, client, good))["poster_url"])
    etag = (await client.head(url)).headers["etag"]
    again = await client.get(url, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")


async def test_it_is_for_the_owner_of_the_video_alone(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    view = await ready(world, client, good)
    answer = await world.client(uuid7()).get(str(view["poster_url"]))
    assert (answer.status_code, answer.json()["code"]) == (404, "video_not_found")


async def test_a_recording_has_none(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    view = await ready(world, client, make_media(tmp_path / "a.mp3", picture=False))
    assert (view["poster_url"], view["width"], view["frame_rate"]) == (None, None, None)
    answer = await client.get(f"/api/videos/{view['id']}/poster")
    assert (answer.status_code, answer.json()["code"]) == (404, "poster_not_found")


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("stored", 409, "video_not_ready"), ("rejected", 410, "video_file_gone"),
     ("expired", 410, "video_file_gone"), ("deleted", 404, "video_not_found")],
)  # fmt: skip
async def test_only_of_a_ready_video_it_is_shown(
    world: World, client: httpx.AsyncClient, good: Path, state: str, status: int, code: str
) -> None:
    video_id = str((await ready(world, client, good))["id"])
    await world.set_state(video_id, state)
    answer = await client.get(f"/api/videos/{video_id}/poster")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if state != "deleted":
        assert (await client.get(f"/api/videos/{video_id}")).json()["poster_url"] is None


async def test_one_that_is_missing_in_the_storage_is_not_found(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    view = await ready(world, client, good)
    await world.storage.delete(f"posters/{view['id']}")
    answer = await client.get(str(view["poster_url"]))
    assert (answer.status_code, answer.json()["code"]) == (404, "poster_not_found")


async def test_it_is_deleted_with_the_video(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    view = await ready(world, client, good)
    await client.delete(f"/api/videos/{view['id']}")
    assert world.files() == []


async def test_it_expires_with_the_video(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    await ready(world, client, good)
    world.clock.advance(RETENTION.total_seconds() + 1)
    await world.expire()
    assert world.files() == []


async def test_it_is_erased_with_its_owner(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    await ready(world, client, good)
    await hear(world, UserDeleted(user, world.clock.now()))
    await world.sweeper.sweep()
    assert world.files() == []


async def test_a_crash_after_it_was_stored_loses_nothing_and_leaves_nothing(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    now = world.clock.now()
    assert await Videos(world.database).claim(now, now + LEASE)
    await put(world, f"posters/{video_id}", b"a poster of an attempt before")  # ... and it dies
    world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.prober.probe_next()
    answer = await client.get(f"/api/videos/{video_id}/poster")
    assert answer.content.startswith(b"\xff\xd8\xff")


async def test_a_video_that_is_rejected_after_a_crash_keeps_none(
    world: World, client: httpx.AsyncClient
) -> None:
    video_id = (await upload(client, b"\0\0\0\x18ftypmp42" + b"nonsense" * 999))["id"]
    await put(world, f"posters/{video_id}", b"a poster of an attempt before")
    await world.prober.probe_next()
    assert world.files() == []


async def test_a_storage_that_fails_then_is_tried_again_at_no_cost(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable

    video_id = (await upload(client, good))["id"]
    with monkeypatch.context() as patched:
        patched.setattr(Storage, "writer", fail)
        assert await world.prober.probe_next()
    (row,) = await world.rows()
    assert (row["state"], row["attempts"]) == ("stored", 0)
    world.clock.advance(60)
    assert await world.prober.probe_next()
    assert (await client.get(f"/api/videos/{video_id}")).json()["poster_url"]


@pytest.mark.parametrize("how", ["delete", "expire", "erase"])
async def test_what_is_stored_for_a_video_that_has_just_gone_is_removed(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path, how: str
) -> None:
    """The prober dies after it has stored the poster of a video that went meanwhile."""
    video_id = (await upload(client, good))["id"]
    now = world.clock.now()
    if how == "expire":
        world.clock.advance(RETENTION.total_seconds() + 1)
        now = world.clock.now()
    claim = await Videos(world.database).claim(now, now + LEASE)
    assert claim is not None
    if how == "delete":
        assert (await client.delete(f"/api/videos/{video_id}")).status_code == 204
        assert world.files() == []  # what was there is gone at once
    elif how == "expire":
        await world.expire()
    else:
        await hear(world, UserDeleted(user, now))
        await world.sweeper.sweep()
    await put(world, f"posters/{video_id}", b"a poster")
    assert not await Videos(world.database).prolong_claim(claim, now + LEASE)
    world.clock.advance((LEASE + EMPTYING).total_seconds() + 1)
    await world.sweeper.sweep()
    assert world.files() == []
    assert [row["state"] for row in await world.rows()] == ["expired"] * (how == "expire")


async def test_who_lost_the_claim_stores_none(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The video is deleted between its examination and its poster."""
    probe = prober_module.Prober._probe

    async def probe_and_delete(*args: object) -> object:
        found = await probe(*args)  # type: ignore[arg-type]
        await client.delete(f"/api/videos/{video_id}")
        return found

    monkeypatch.setattr(prober_module.Prober, "_probe", probe_and_delete)
    video_id = (await upload(client, good))["id"]
    assert await world.prober.probe_next()
    assert world.files() == []
    assert await world.rows() == []
    assert await world.event_types() == ["content.video.deleted"]


async def test_two_probers_leave_each_other_s_poster_alone(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stood still until its lease had ended, and finds another at work."""
    probe, begun, late = prober_module.Prober._probe, asyncio.Event(), asyncio.Event()

    async def probe_late(*args: object) -> object:
        found = await probe(*args)  # type: ignore[arg-type]
        begun.set()
        await late.wait()
        return found

    video_id = (await upload(client, good))["id"]
    with monkeypatch.context() as patched:
        patched.setattr(prober_module.Prober, "_probe", probe_late)
        standing = asyncio.ensure_future(world.prober.probe_next())
        await begun.wait()
    world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.prober.probe_next()
    late.set()
    assert await standing
    assert await world.keys() == {f"videos/{video_id}", f"posters/{video_id}"}
    assert await world.event_types() == ["content.video.ready"]


async def put(world: World, key: str, content: bytes) -> None:
    async with world.storage.writer(key) as writer:
        await writer.write(content)
