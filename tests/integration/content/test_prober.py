"""Examining: what becomes of a stored video, and of a probe that dies."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from content_service.videos import prober as prober_module
from content_service.videos.domain import PROBE_ATTEMPTS
from content_service.videos.prober import LEASE
from content_service.videos.repository import Videos
from shared.db.database import Database
from shared.runtime.children import Limits
from shared.storage.storage import S3Access, Storage, StorageUnavailable
from tests.integration.content.world import World, data_of, upload
from tests.support.media import make_media
from tests.support.messaging import eventually
from tests.support.s3 import BUCKET

DYING = "tests.support.probe_that_dies"
HANGING = "tests.support.probe_that_hangs"


async def state_of(world: World) -> tuple[str, int]:
    (row,) = await world.rows()
    return row["state"], row["attempts"]


async def test_a_good_video_becomes_ready_and_is_announced(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    assert await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert view["state"] == "ready"
    assert view["duration_seconds"] == pytest.approx(2, abs=0.2)
    assert (view["width"], view["height"], view["has_audio"]) == (64, 48, True)
    assert (view["video_codec"], view["audio_codec"]) == ("h264", "aac")
    (event,) = await world.events()
    assert (event.type, event.must_be_heard) == ("content.video.ready", True)
    assert data_of(event) == {
        "video_id": video_id,
        "owner_id": str(user),
        "duration_seconds": view["duration_seconds"],
        "has_audio": True,
        "has_picture": True,
        "expires_at": view["expires_at"],
        "revision": 3,
    }
    assert not await world.prober.probe_next()


async def test_a_video_without_sound_is_ready_and_says_so(
    world: World, client: httpx.AsyncClient, media: Path
) -> None:
    video_id = (await upload(client, media / "silent.mp4"))["id"]
    await world.prober.probe_next()
    assert (await client.get(f"/api/videos/{video_id}")).json()["has_audio"] is False


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("truncated", lambda path: make_media(path, seconds=4).read_bytes()[:-2000]),
        ("not_media", lambda _: b"\0\0\0\x18ftypmp42" + b"nonsense" * 999),
        ("too_long", lambda path: make_media(path, seconds=31, sound=False).read_bytes()),
    ],
)
async def test_a_bad_video_is_rejected_with_the_reason_and_its_file_removed(
    world: World,
    client: httpx.AsyncClient,
    tmp_path: Path,
    code: str,
    make: Callable[[Path], bytes],
) -> None:
    video_id = (await upload(client, make(tmp_path / "a.mp4")))["id"]
    await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["reason"]["code"]) == ("rejected", code)
    assert view["reason"]["text"].endswith(".")
    assert view["duration_seconds"] is None
    assert await world.keys() == set()
    assert await world.events() == []


async def test_too_many_streams_are_rejected(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    path = make_media(tmp_path / "a.mkv", seconds=0.2, sound_tracks=33)
    video_id = (await upload(client, path))["id"]
    await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert view["reason"]["code"] == "too_many_streams"


async def test_a_claim_whose_process_was_killed_is_taken_up_when_its_lease_ends(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    await upload(client, good)
    now = world.clock.now()
    assert await Videos(world.database).claim(now, now + LEASE)  # ... and the process dies
    assert not await world.prober.probe_next()
    world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.prober.probe_next()
    assert await state_of(world) == ("ready", 2)


async def test_who_lost_the_lease_writes_no_result(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    await upload(client, good)
    now = world.clock.now()
    late = await Videos(world.database).claim(now, now + LEASE)
    assert late is not None
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.prober.probe_next()
    assert not await Videos(world.database).reject(late, prober_module._FILE_LOST, now)
    assert not await Videos(world.database).prolong_claim(late, now)
    assert await state_of(world) == ("ready", 2)


async def test_a_probe_that_is_killed_is_tried_again(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload(client, good)
    with monkeypatch.context() as patched:
        patched.setattr(prober_module, "CHILD", DYING)
        assert await world.prober.probe_next()
    assert await state_of(world) == ("stored", 1)
    assert not await world.prober.probe_next()
    world.clock.advance(2)
    assert await world.prober.probe_next()
    assert await state_of(world) == ("ready", 2)


async def test_a_probe_that_always_dies_is_given_up_after_three_attempts(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", DYING)
    video_id = (await upload(client, good))["id"]
    for _ in range(PROBE_ATTEMPTS + 1):
        assert await world.prober.probe_next()
        world.clock.advance(60)
    assert not await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["reason"]["code"]) == ("rejected", "unreadable")
    assert await world.keys() == set()


async def test_a_probe_that_takes_too_long_rejects_the_video(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", HANGING)
    monkeypatch.setattr(prober_module, "CHILD_LIMITS", Limits(1 << 30, 10, 0.3))
    video_id = (await upload(client, good))["id"]
    await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert view["reason"]["code"] == "too_complex"


async def test_a_stopping_process_gives_its_video_back_at_once(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", HANGING)
    await upload(client, good)
    await _run_until(world, lambda: eventually(lambda: _probing(world)))
    assert await state_of(world) == ("stored", 0)


async def test_a_storage_that_is_away_costs_no_attempt(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable

    await upload(client, good)
    with monkeypatch.context() as patched:
        patched.setattr(Storage, "head", fail)
        assert await world.prober.probe_next()
    assert await state_of(world) == ("stored", 0)


async def test_a_file_that_was_lost_is_rejected(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    await world.storage.delete(f"videos/{video_id}")
    await world.prober.probe_next()
    assert (await client.get(f"/api/videos/{video_id}")).json()["reason"]["code"] == "file_lost"


async def test_a_video_deleted_while_it_is_examined_stays_deleted(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", HANGING)
    monkeypatch.setattr(prober_module, "CHILD_LIMITS", Limits(1 << 30, 10, 1))
    video_id = (await upload(client, good))["id"]
    examining = asyncio.ensure_future(world.prober.probe_next())
    await eventually(lambda: _probing(world))
    assert (await client.delete(f"/api/videos/{video_id}")).status_code == 204
    assert await examining
    assert await world.rows() == []
    assert await world.event_types() == ["content.video.deleted"]


async def test_the_lease_is_renewed_while_the_child_works(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", HANGING)
    monkeypatch.setattr(prober_module, "_RENEW_SECONDS", 0.05)
    await upload(client, good)
    started = world.clock.now()

    async def renewed() -> None:
        await eventually(lambda: _probing(world))
        world.clock.advance(20)
        await eventually(lambda: is_leased_until(started + LEASE * 1.5))

    async def is_leased_until(moment: datetime) -> bool:
        (row,) = await world.rows()
        return bool(row["lease_until"] >= moment)

    await _run_until(world, renewed)


async def test_a_running_prober_wakes_for_a_new_video(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    async def examined() -> None:
        await asyncio.sleep(0.2)  # both lanes have found nothing and rest
        await upload(client, good)
        world.stored.set()
        await eventually(is_ready)

    async def is_ready() -> bool:
        return (await state_of(world))[0] == "ready"

    await _run_until(world, examined, seconds=4)


async def test_a_video_in_s3_is_examined_from_a_copy_that_is_removed(
    content_database: Database,
    s3: S3Access,
    user: UUID,
    good: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    world = World.build(content_database, Storage.open(f"s3://{BUCKET}", s3))
    view = await upload(world.client(user), good)
    await world.prober.probe_next()
    assert (await state_of(world))[0] == "ready"
    assert await world.keys() == {f"videos/{view['id']}", f"posters/{view['id']}"}
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def _probing(world: World) -> bool:
    return (await state_of(world))[0] == "probing"


async def _run_until(
    world: World, condition: Callable[[], Coroutine[Any, Any, None]], seconds: float = 10
) -> None:
    """Run the prober as its process does, until `condition` has ended."""
    running = asyncio.ensure_future(world.prober.run(lambda: None))
    try:
        async with asyncio.timeout(seconds):
            await condition()
    finally:
        running.cancel()
        await asyncio.wait([running])
