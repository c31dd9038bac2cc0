"""Deleting and expiring: the row, the event and the file, whatever dies in between."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from content_service.videos.domain import VideoId, incoming_key
from content_service.videos.repository import BATCH, Videos
from content_service.videos.upload import RECEIVING_LEASE
from shared.storage.storage import Storage, StorageUnavailable
from tests.integration.content.world import RETENTION, World, data_of, upload


async def test_a_deleted_video_is_gone_with_its_file(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    view = await upload(client, good)
    assert (await client.delete(f"/api/videos/{view['id']}")).status_code == 204
    assert (await client.get(f"/api/videos/{view['id']}")).status_code == 404
    assert (await client.delete(f"/api/videos/{view['id']}")).status_code == 404
    assert world.files() == []
    assert await world.rows() == []
    (event,) = await world.events()
    assert event.type == "content.video.deleted"
    assert event.subject == view["id"]
    assert data_of(event) == {"video_id": view["id"], "owner_id": str(user), "revision": 2}


async def test_a_crash_between_commit_and_removal_is_finished_by_the_sweeper(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    video_id = VideoId(UUID((await upload(client, good))["id"]))
    now = world.clock.now()
    assert await Videos(world.database).delete(user, video_id, now)  # ... and the process dies
    await world.sweeper.sweep()
    assert len(world.files()) == 1  # for a minute the deleting process is believed to be at work
    world.clock.advance(61)
    await world.sweeper.sweep()
    assert world.files() == []
    assert await world.rows() == []


async def test_a_storage_that_is_away_does_not_stop_a_deletion(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable

    video_id = (await upload(client, good))["id"]
    with monkeypatch.context() as patched:
        patched.setattr(Storage, "delete", fail)
        assert (await client.delete(f"/api/videos/{video_id}")).status_code == 204
        world.clock.advance(61)
        with pytest.raises(StorageUnavailable):
            await world.sweeper.sweep()
    assert (await client.get(f"/api/videos/{video_id}")).status_code == 404
    world.clock.advance(61)
    await world.sweeper.sweep()
    assert await world.rows() == []
    assert world.files() == []


async def test_an_upload_whose_process_was_killed_is_swept_away(world: World, user: UUID) -> None:
    video_id, now = VideoId(uuid4()), world.clock.now()
    await Videos(world.database).add_receiving(
        video_id, user, "a.mp4", "video/mp4", now, now + RECEIVING_LEASE, plan="free", size=None
    )
    half = world.storage.local_path(f"{incoming_key(video_id)}#1")
    assert half is not None
    half.parent.mkdir()
    half.write_bytes(b"half a video")
    await world.sweeper.sweep()
    assert len(world.files()) == 1
    world.clock.advance(RECEIVING_LEASE.total_seconds() + 1)
    await world.sweeper.sweep()
    assert await world.rows() == []
    assert world.files() == []
    assert await world.events() == []


async def test_a_video_expires_after_its_retention(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    view = await upload(client, good)
    await world.prober.probe_next()
    world.clock.advance(RETENTION.total_seconds() - 1)
    await world.expire()
    assert (await client.get(f"/api/videos/{view['id']}")).json()["state"] == "ready"
    world.clock.advance(2)
    await world.expire()
    assert (await client.get(f"/api/videos/{view['id']}")).json()["state"] == "expired"
    assert world.files() == []
    assert await world.event_types() == ["content.video.ready", "content.video.expired"]
    expired = data_of((await world.events())[1])
    assert expired == {"video_id": view["id"], "owner_id": str(user), "revision": 4}


async def test_an_expired_video_can_still_be_deleted(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    world.clock.advance(RETENTION.total_seconds() + 1)
    await world.expire()
    assert (await client.delete(f"/api/videos/{video_id}")).status_code == 204
    assert await world.rows() == []


async def test_a_sweep_goes_on_beyond_one_batch(world: World, user: UUID) -> None:
    statement = text(
        "INSERT INTO videos (id, owner_id, title, filename, content_type, size_bytes, sha256,"
        " state, has_file, attempts, revision, lease_until, created_at, expires_at)"
        " SELECT gen_random_uuid(), :owner, 't', 'f', 'video/mp4', 1, 'x', 'ready', true, 0, 1,"
        " :now, :now, :now FROM generate_series(1, :count)"
    )
    count = BATCH * 2 + 1
    values = {"owner": user, "now": world.clock.now() - timedelta(days=1), "count": count}
    await world.database.run(statement, values)
    await world.expire()
    rows = await world.rows()
    assert {(row["state"], row["has_file"]) for row in rows} == {("expired", False)}
    assert await world.event_types() == ["content.video.expired"] * count


async def test_replicas_that_sweep_at_once_do_each_thing_once(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    for _ in range(5):
        await upload(client, good)
    world.clock.advance(RETENTION.total_seconds() + 1)
    await asyncio.gather(*(world.expire() for _ in range(4)))
    assert await world.event_types() == ["content.video.expired"] * 5
    assert world.files() == []
