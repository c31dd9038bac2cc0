"""Uploading: what is stored, and that what goes wrong leaves nothing."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.types import Message

from shared.db.database import Database
from shared.storage.storage import Storage, StorageUnavailable
from tests.integration.content.world import (
    FORM_HEAD,
    FORM_TAIL,
    World,
    as_messages,
    post_raw,
    upload,
)

FTYP = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"


def read(path: Path) -> bytes:
    return path.read_bytes()


async def assert_nothing_is_left(world: World) -> None:
    assert await world.rows() == []
    assert world.files() == []
    assert await world.events() == []
    assert world.woken == []


async def test_an_uploaded_video_is_stored_with_its_digest(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    content = read(good)
    view = await upload(client, good, title="Our courtyard")
    assert view["state"] == "stored"
    assert view["title"] == "Our courtyard"
    assert view["filename"] == "good.mp4"
    assert view["content_type"] == "video/mp4"
    assert view["size_bytes"] == len(content)
    assert view["sha256"] == hashlib.sha256(content).hexdigest()
    assert view["reason"] is view["duration_seconds"] is view["has_audio"] is None
    assert await world.keys() == {f"videos/{view['id']}"}
    assert world.files()[0].read_bytes() == content
    assert world.woken == ["prober"]


async def test_the_title_may_follow_the_file(client: httpx.AsyncClient, good: Path) -> None:
    files = {"file": ("a.mp4", read(good)), "title": (None, "마당 축제".encode())}
    answer = await client.post("/api/videos", files=files)
    assert answer.json()["title"] == "마당 축제"


async def test_without_a_title_the_name_of_the_file_is_taken(
    client: httpx.AsyncClient, good: Path
) -> None:
    assert (await upload(client, good))["title"] == "good"


async def test_a_text_renamed_to_mp4_is_refused(world: World, client: httpx.AsyncClient) -> None:
    files = {"file": ("holiday.mp4", b"Dear diary", "video/mp4")}
    answer = await client.post("/api/videos", files=files)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert "this file is a text" in answer.json()["detail"]
    await assert_nothing_is_left(world)


async def test_an_empty_file_is_refused(world: World, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/videos", files={"file": ("a.mp4", b"")})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "file", "message": "is empty; send a video"}]
    await assert_nothing_is_left(world)


async def test_a_second_file_is_refused_and_the_first_removed(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    files = [("file", ("a.mp4", read(good))), ("file", ("b.mp4", b"x"))]
    answer = await client.post("/api/videos", files=files)
    assert answer.status_code == 422
    assert "one file" in answer.json()["errors"][0]["message"]
    await assert_nothing_is_left(world)


async def test_what_is_no_form_is_refused(world: World, client: httpx.AsyncClient) -> None:
    for kind in ("application/json", "video/mp4"):
        answer = await client.post("/api/videos", content=b"{}", headers={"content-type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "form_expected")
    await assert_nothing_is_left(world)


async def test_an_upload_needs_a_token(world: World) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(world.app), base_url="http://content"
    ) as client:
        assert (await client.post("/api/videos")).status_code == 401


async def test_a_file_over_the_limit_is_refused_while_it_arrives(
    content_database: Database, tmp_path: Path, user: UUID
) -> None:
    world = World.build(content_database, Storage.open(tmp_path.as_uri()), max_bytes=1_000_000)
    sent = 0

    async def endless() -> AsyncIterator[Message]:
        nonlocal sent
        for message in as_messages([FORM_HEAD + FTYP]):
            yield message
        while True:
            sent += 65_536
            for message in as_messages([b"x" * 65_536]):
                yield message

    start, *_ = await post_raw(world.app, user, endless())
    assert start["status"] == 413
    assert sent < 1_200_000
    await assert_nothing_is_left(world)


async def test_a_length_over_the_limit_is_refused_before_the_body(
    content_database: Database, tmp_path: Path, user: UUID
) -> None:
    world = World.build(content_database, Storage.open(tmp_path.as_uri()), max_bytes=1_000_000)
    answer = await world.client(user).post("/api/videos", content=b"x" * 1_100_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")


async def test_a_client_that_leaves_in_mid_upload_leaves_nothing(world: World, user: UUID) -> None:
    async def broken_off() -> AsyncIterator[Message]:
        for message in as_messages([FORM_HEAD + FTYP, b"x" * 20_000_000]):
            yield message
        assert [row["state"] for row in await world.rows()] == ["receiving"]
        yield {"type": "http.disconnect"}

    assert await post_raw(world.app, user, broken_off()) == []
    await assert_nothing_is_left(world)


async def test_a_video_is_not_seen_while_it_arrives(
    world: World, client: httpx.AsyncClient, user: UUID
) -> None:
    async def watched() -> AsyncIterator[Message]:
        for message in as_messages([FORM_HEAD + FTYP, b"x" * 100_000]):
            yield message
        assert (await client.get("/api/videos")).json()["items"] == []
        (row,) = await world.rows()
        assert (await client.get(f"/api/videos/{row['id']}")).status_code == 404
        assert (await client.delete(f"/api/videos/{row['id']}")).status_code == 404
        yield {"type": "http.disconnect"}

    await post_raw(world.app, user, watched())


async def test_a_process_that_stops_in_mid_upload_leaves_nothing(world: World, user: UUID) -> None:
    under_way = asyncio.Event()

    async def stalling() -> AsyncIterator[Message]:
        for message in as_messages([FORM_HEAD + FTYP, b"x" * 20_000_000]):
            yield message
        under_way.set()
        await asyncio.Event().wait()

    uploading = asyncio.ensure_future(post_raw(world.app, user, stalling()))
    await under_way.wait()
    uploading.cancel()
    await asyncio.wait([uploading])
    await assert_nothing_is_left(world)


async def test_a_storage_that_fails_is_unavailable_and_leaves_nothing(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(Storage, "move", fail)
    answer = await client.post("/api/videos", files={"file": ("a.mp4", read(good))})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    await assert_nothing_is_left(world)


@pytest.mark.parametrize(("size", "status"), [(100_000, 409), (9_000_000, 409)])
async def test_an_upload_that_the_sweeper_gave_up_is_refused_at_its_end(
    world: World, user: UUID, size: int, status: int
) -> None:
    async def slow() -> AsyncIterator[Message]:
        for message in as_messages([FORM_HEAD + FTYP, b"x" * size]):
            yield message
        world.clock.advance(301)
        await world.sweeper.sweep()
        assert await world.rows() == []
        yield {"type": "http.request", "body": FORM_TAIL, "more_body": False}

    start, *_ = await post_raw(world.app, user, slow())
    assert start["status"] == status
    await assert_nothing_is_left(world)


async def test_a_slow_upload_that_goes_on_is_not_given_up(world: World, user: UUID) -> None:
    async def slow() -> AsyncIterator[Message]:
        for message in as_messages([FORM_HEAD + FTYP + b"x" * 5000]):
            yield message
        for _ in range(4):
            world.clock.advance(200)
            for message in as_messages([b"x" * 100_000]):
                yield message
            await world.sweeper.sweep()
        yield {"type": "http.request", "body": FORM_TAIL, "more_body": False}

    start, *_ = await post_raw(world.app, user, slow())
    assert start["status"] == 201


async def test_memory_stays_flat_under_a_large_upload(world: World, user: UUID) -> None:
    peak = 0

    async def body(megabytes: int) -> AsyncIterator[Message]:
        nonlocal peak
        for message in as_messages([FORM_HEAD + FTYP]):
            yield message
        block = os.urandom(65_536)
        for number in range(megabytes * 16):
            if number % 64 == 0:
                peak = max(peak, resident_bytes())
            for message in as_messages([bytes(block)]):
                yield message
        yield {"type": "http.request", "body": FORM_TAIL, "more_body": False}

    await post_raw(world.app, user, body(32))  # pools and caches are there from now on
    before, peak = resident_bytes(), 0
    start, *_ = await post_raw(world.app, user, body(300))
    assert start["status"] == 201
    assert peak - before < 50 * 1024 * 1024


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
