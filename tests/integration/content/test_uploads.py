"""Uploads that are resumed: the protocol, and that what has arrived is neither lost nor doubled."""

import asyncio
import hashlib
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, text
from starlette.types import Message

from content_service.tables import uploads
from content_service.uploads import receive, tus
from content_service.uploads.domain import LEASE
from content_service.uploads.use_cases import ForgetUploads
from shared.db.database import Database
from shared.storage.growing import growing_object
from shared.storage.storage import S3Access, Storage, StorageUnavailable
from tests.integration.content.tus import (
    OFFSET_STREAM,
    TUS,
    RawRequest,
    begun,
    create,
    cut_after,
    metadata,
    offset_of,
    patch,
)
from tests.integration.content.world import UPLOAD_LIFETIME, World
from tests.support.s3 import BUCKET


@pytest.fixture(params=["local", "s3"])
def any_world(request: pytest.FixtureRequest, content_database: Database, tmp_path: Path) -> World:
    """The service on each kind of store."""
    if request.param == "local":
        return World.build(content_database, Storage.open((tmp_path / "files").as_uri()))
    access: S3Access = request.getfixturevalue("s3")
    return World.build(content_database, Storage.open(f"s3://{BUCKET}/files", access))


@pytest.fixture
def content(good: Path) -> bytes:
    return good.read_bytes()


async def rows(world: World) -> list[dict[str, Any]]:
    found = await world.database.all(select(uploads).order_by(uploads.c.id))
    return [dict(row._mapping) for row in found]


async def assert_nothing_is_left(world: World) -> None:
    assert await rows(world) == []
    assert await world.rows() == []
    assert await world.keys() == set()


def id_of(location: str) -> UUID:
    return UUID(location.rpartition("/")[2])


async def assert_is_a_video(world: World, user: UUID, location: str, content: bytes) -> None:
    video = (await world.client(user).get(f"/api/videos/{id_of(location)}")).json()
    assert video["state"] == "stored"
    assert video["size_bytes"] == len(content)
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
    assert video["content_type"] == "video/mp4"
    assert await world.keys() == {f"videos/{id_of(location)}"}
    stored = [block async for block in world.storage.read(f"videos/{id_of(location)}")]
    assert b"".join(stored) == content


# The way of a file


@pytest.mark.parametrize("size", [1, 1000, 5000])
async def test_a_file_sent_in_pieces_of_any_size_becomes_a_video(
    any_world: World, user: UUID, content: bytes, size: int
) -> None:
    content = content[:4500] if size == 1000 else content
    content = content[:12] if size == 1 else content
    client = any_world.client(user)
    location = await begun(
        client, len(content), **{"upload-metadata": metadata(filename="talk.mp4", title="마당")}
    )
    for offset in range(0, len(content), size):
        answer = await patch(client, location, offset, content[offset : offset + size])
        assert answer.status_code == 204, answer.text
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert int(answer.headers["upload-offset"]) == min(offset + size, len(content))
    assert answer.headers["content-location"] == f"/api/videos/{id_of(location)}"
    await assert_is_a_video(any_world, user, location, content)
    video = (await client.get(answer.headers["content-location"])).json()
    assert (video["filename"], video["title"]) == ("talk.mp4", "마당")
    assert any_world.woken == ["prober"]


async def test_the_bytes_may_come_with_the_creation(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    answer = await client.post(
        "/api/uploads",
        content=content,
        headers={**TUS, "upload-length": str(len(content)), "content-type": OFFSET_STREAM},
    )
    assert answer.status_code == 201
    assert answer.headers["upload-offset"] == str(len(content))
    location = answer.headers["location"]
    assert answer.headers["content-location"] == location.replace("uploads", "videos")
    await assert_is_a_video(world, user, location, content)


async def test_some_bytes_may_come_with_the_creation(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    answer = await client.post(
        "/api/uploads",
        content=content[:100],
        headers={**TUS, "upload-length": str(len(content)), "content-type": OFFSET_STREAM},
    )
    assert answer.headers["upload-offset"] == "100"
    assert "content-location" not in answer.headers
    await patch(client, answer.headers["location"], 100, content[100:])
    await assert_is_a_video(world, user, answer.headers["location"], content)


async def test_the_length_may_be_told_later(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, None)
    answer = await client.head(location, headers=TUS)
    assert answer.headers["upload-defer-length"] == "1"
    assert "upload-length" not in answer.headers
    await patch(client, location, 0, content[:5000])
    end = {"upload-length": str(len(content))}
    answer = await patch(client, location, 5000, content[5000:], **end)
    assert answer.status_code == 204
    assert (await world.rows())[0]["size_bytes"] == len(content)
    await assert_is_a_video(world, user, location, content)


async def test_head_tells_all_there_is_to_know(client: httpx.AsyncClient) -> None:
    described = metadata(filename="a.mp4", other="kept")
    location = await begun(client, 5000, **{"upload-metadata": described})
    answer = await client.head(location, headers=TUS)
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "0")
    assert answer.headers["upload-length"] == "5000"
    assert answer.headers["upload-metadata"] == described
    assert answer.headers["upload-expires"].endswith(" GMT")


async def test_a_finished_upload_still_tells_which_video_it_is(
    client: httpx.AsyncClient, content: bytes
) -> None:
    location = await begun(client, len(content))
    await patch(client, location, 0, content)
    answer = await client.head(location, headers=TUS)
    assert answer.headers["upload-offset"] == answer.headers["upload-length"] == str(len(content))
    assert answer.headers["content-location"] == location.replace("uploads", "videos")
    again = await patch(client, location, len(content), b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(content)))


async def test_what_tus_can_do_is_told_to_everybody(world: World) -> None:
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://content") as client:
        for path in ("/api/uploads", "/api/uploads/", f"/api/uploads/{uuid4()}"):
            answer = await client.options(path)
            assert answer.status_code == 204
            assert answer.headers["tus-version"] == "1.0.0"
            assert answer.headers["tus-max-size"] == str(400 * 1024 * 1024)
            assert set(answer.headers["tus-extension"].split(",")) == {
                "creation", "creation-with-upload", "creation-defer-length", "expiration",
                "checksum", "termination",
            }  # fmt: skip
            assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5,crc32"


async def test_methods_may_be_overridden(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content))

    async def mean(method: str, body: bytes = b"", **headers: str) -> httpx.Response:
        fields = {"x-http-method-override": method, "content-type": OFFSET_STREAM, **headers}
        return await client.post(location, content=body, headers={**TUS, **fields})

    assert (await mean("PATCH", content[:100], **{"upload-offset": "0"})).status_code == 204
    assert (await mean("HEAD")).headers["upload-offset"] == "100"
    missing = await mean("PATCH", b"x")
    assert missing.json()["errors"][0]["field"] == "Upload-Offset"
    assert (await mean("GET")).status_code == 405
    assert (await mean("DELETE")).status_code == 204
    await assert_nothing_is_left(world)


# What is wrong


@pytest.mark.parametrize("version", [None, "0.2.2"])
async def test_another_version_is_refused(client: httpx.AsyncClient, version: str | None) -> None:
    given = {} if version is None else {"tus-resumable": version}
    answer = await client.post("/api/uploads", headers={"upload-length": "5", **given})
    assert (answer.status_code, answer.json()["code"]) == (412, "tus_version_unsupported")
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("headers", "field", "message"),
    [
        ({}, "Upload-Length", "is required"),
        ({"upload-length": "5", "upload-defer-length": "1"}, "Upload-Length", "or else"),
        ({"upload-defer-length": "2"}, "Upload-Defer-Length", "must be 1"),
        ({"upload-length": "0"}, "Upload-Length", ">= 1"),
        ({"upload-length": "many"}, "Upload-Length", "whole number"),
        ({"upload-length": "5", "upload-metadata": "filename *"}, "Upload-Metadata", "Base64"),
        ({"upload-length": "5", "upload-metadata": "a YQ==,a YQ=="}, "Upload-Metadata", "twice"),
        ({"upload-length": "5", "upload-metadata": f"title {b64encode(b'x' * 201).decode()}"},
         "title", "200 characters"),
    ],
)  # fmt: skip
async def test_a_wrong_header_of_a_creation_is_named(
    world: World, client: httpx.AsyncClient, headers: dict[str, str], field: str, message: str
) -> None:
    answer = await client.post("/api/uploads", headers={**TUS, **headers})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]
    await assert_nothing_is_left(world)


async def test_a_file_over_the_limit_is_refused_before_its_first_byte(
    world: World, client: httpx.AsyncClient
) -> None:
    answer = await create(client, 401 * 1024 * 1024)
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")
    await assert_nothing_is_left(world)


async def test_guests_have_their_own_limits(world: World) -> None:
    guest = world.client(f"guest:{uuid4()}")
    assert (await create(guest, 100_001)).status_code == 413
    for _ in range(2):
        await begun(guest, 1000)
    assert (await create(guest, 1000)).json()["code"] == "too_many_videos"


async def test_bytes_beyond_the_limit_are_refused_when_the_length_is_deferred(
    world: World, content: bytes
) -> None:
    user = uuid4()
    guest = world.client(f"guest:{user}")
    location = await begun(guest, None)
    answer = await patch(guest, location, 0, content + b"x" * 100_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")


async def test_what_is_no_video_is_refused_with_its_first_bytes_and_removed(
    any_world: World, user: UUID
) -> None:
    client = any_world.client(user)
    location = await begun(client, 10_000)
    assert (await patch(client, location, 0, b"Dear diary, ")).status_code == 204
    answer = await patch(client, location, 12, b"today" * 900)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    await assert_nothing_is_left(any_world)


async def test_a_short_file_that_is_no_video_is_refused_at_its_end(
    world: World, client: httpx.AsyncClient
) -> None:
    location = await begun(client, 10)
    assert (await patch(client, location, 0, b"Dear diary")).status_code == 415
    await assert_nothing_is_left(world)


async def test_a_wrong_offset_is_told_the_right_one(
    client: httpx.AsyncClient, content: bytes
) -> None:
    location = await begun(client, len(content))
    await patch(client, location, 0, content[:100])
    for offset in (0, 99, 101):
        answer = await patch(client, location, offset, content[100:])
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_conflict")
        assert answer.headers["upload-offset"] == "100"
        assert answer.json()["offset"] == 100


async def test_more_bytes_than_announced_are_refused(
    client: httpx.AsyncClient, content: bytes
) -> None:
    location = await begun(client, 200)
    answer = await patch(client, location, 0, content[:201])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_bytes")
    assert await offset_of(client, location) == 0


async def test_bytes_of_another_type_are_refused(client: httpx.AsyncClient) -> None:
    location = await begun(client, 200)
    answer = await patch(client, location, 0, b"x", **{"content-type": "video/mp4"})
    assert (answer.status_code, answer.json()["code"]) == (415, "offset_stream_expected")
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_another_users_upload_is_not_found(world: World, client: httpx.AsyncClient) -> None:
    location = await begun(client, 200)
    other = world.client(uuid4())
    assert (await other.head(location, headers=TUS)).status_code == 404
    assert (await patch(other, location, 0, b"x")).status_code == 404
    assert (await other.delete(location, headers=TUS)).status_code == 404
    assert await offset_of(client, location) == 0


# Checksums


def checksum(name: str, content: bytes) -> str:
    made = (
        zlib.crc32(content).to_bytes(4) if name == "crc32" else hashlib.new(name, content).digest()
    )
    return f"{name} {b64encode(made).decode()}"


@pytest.mark.parametrize("name", ["sha1", "sha256", "md5", "crc32"])
async def test_a_right_checksum_is_accepted_and_a_wrong_one_keeps_nothing(
    any_world: World, user: UUID, content: bytes, name: str
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))
    await patch(client, location, 0, content[:100])
    wrong = {"upload-checksum": checksum(name, b"something else")}
    answer = await patch(client, location, 100, content[100:], **wrong)
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
    assert await offset_of(client, location) == 100
    right = {"upload-checksum": checksum(name, content[100:])}
    assert (await patch(client, location, 100, content[100:], **right)).status_code == 204
    await assert_is_a_video(any_world, user, location, content)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ("sha3 YQ==", 400, "checksum_unsupported"),
        ("sha1 YQ==", 422, "invalid_input"),
        ("sha1", 422, "invalid_input"),
    ],
)
async def test_a_checksum_that_cannot_be_checked_is_refused(
    client: httpx.AsyncClient, given: str, status: int, code: str
) -> None:
    location = await begun(client, 200)
    answer = await patch(client, location, 0, b"x", **{"upload-checksum": given})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await offset_of(client, location) == 0


async def test_a_part_with_a_checksum_that_is_cut_off_is_not_kept(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content))
    request = RawRequest(world.app, user, location, 0)
    sums = {"upload-checksum": checksum("sha1", content)}
    assert await request.send(cut_after([content[:5000]]), **sums) == []
    assert await offset_of(client, location) == 0


# Connections that break, and writers that meet


async def test_what_a_cut_connection_has_delivered_is_kept(
    any_world: World, user: UUID, content: bytes
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))
    third = len(content) // 3
    for number in range(2):
        request = RawRequest(any_world.app, user, location, number * third)
        part = content[number * third : (number + 1) * third]
        assert await request.send(cut_after([part[:7], part[7:]])) == []
        assert await offset_of(client, location) == (number + 1) * third
    await patch(client, location, 2 * third, content[2 * third :])
    await assert_is_a_video(any_world, user, location, content)


async def test_a_second_writer_is_refused_while_the_first_writes(
    any_world: World, user: UUID, content: bytes
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))

    async def first() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": content[:100], "more_body": True}
        second = await patch(client, location, 0, content)
        assert (second.status_code, second.json()["code"]) == (423, "upload_locked")
        assert (await client.delete(location, headers=TUS)).status_code == 423
        yield {"type": "http.request", "body": content[100:], "more_body": False}

    start, *_ = await RawRequest(any_world.app, user, location, 0).send(first())
    assert start["status"] == 204
    await assert_is_a_video(any_world, user, location, content)


async def test_of_two_writers_at_once_one_wins(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content))
    answers = await asyncio.gather(
        *(patch(client, location, 0, content[:-1] + bytes([number])) for number in range(4))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {409, 423}
    stored = (await client.get(f"/api/videos/{id_of(location)}")).json()
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 204)
    assert stored["sha256"] == hashlib.sha256(content[:-1] + bytes([winner])).hexdigest()


async def test_after_a_killed_writer_the_next_one_goes_on_when_its_lease_has_run_out(
    any_world: World, user: UUID, content: bytes
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))
    await patch(client, location, 0, content[:100])
    await leave_as_a_killed_writer(any_world, location, content[100:5000])
    assert (await patch(client, location, 100, content[100:])).status_code == 423
    any_world.clock.advance(LEASE.total_seconds() + 1)
    assert await offset_of(client, location) == 100
    assert (await patch(client, location, 100, content[100:])).status_code == 204
    await assert_is_a_video(any_world, user, location, content)


async def leave_as_a_killed_writer(world: World, location: str, unsaid: bytes) -> None:
    """Bytes in the store of which the row knows nothing, and a lease that nobody renews."""
    (row,) = await rows(world)
    key = f"incoming/{id_of(location)}"
    growing = growing_object(world.storage, key)
    async with growing.append(row["received"], tuple(row["pieces"])) as end:
        await end.write(unsaid)
        await end.sync()
    await hold_for_another(world, location)


async def hold_for_another(world: World, location: str) -> None:
    statement = text("UPDATE uploads SET writer = :writer, lease_until = :until WHERE id = :id")
    until = world.clock.now() + LEASE
    values = {"writer": uuid4(), "until": until, "id": id_of(location)}
    await world.database.run(statement, values)


async def test_a_writer_that_has_lost_its_lease_changes_nothing(
    any_world: World, user: UUID, content: bytes
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))

    async def overtaken() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": content[:5000], "more_body": True}
        await hold_for_another(any_world, location)
        yield {"type": "http.request", "body": content[5000:], "more_body": False}

    start, *_ = await RawRequest(any_world.app, user, location, 0).send(overtaken())
    assert start["status"] == 423
    any_world.clock.advance(LEASE.total_seconds() + 1)
    assert await offset_of(client, location) == 0
    assert (await patch(client, location, 0, content)).status_code == 204
    await assert_is_a_video(any_world, user, location, content)


async def test_a_silent_client_is_given_up_and_what_it_sent_is_kept(
    world: World,
    client: httpx.AsyncClient,
    user: UUID,
    content: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tus, "SILENCE_SECONDS", 0.05)
    location = await begun(client, len(content))

    async def silent() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": content[:5000], "more_body": True}
        await asyncio.Event().wait()

    start, *_ = await RawRequest(world.app, user, location, 0).send(silent())
    assert start["status"] == 409
    assert await offset_of(client, location) == 5000


async def test_a_process_that_stops_keeps_what_has_come(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content))
    under_way = asyncio.Event()

    async def stopped() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": content[:5000], "more_body": True}
        under_way.set()
        await asyncio.Event().wait()

    uploading = asyncio.ensure_future(RawRequest(world.app, user, location, 0).send(stopped()))
    await under_way.wait()
    uploading.cancel()
    await asyncio.wait([uploading])
    assert await offset_of(client, location) == 5000


async def test_the_row_moves_on_while_bytes_arrive(
    any_world: World, user: UUID, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "CHECKPOINT_BYTES", 1000)
    location = await begun(any_world.client(user), len(content))

    async def slow() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": content[:5000], "more_body": True}
        yield {"type": "http.request", "body": content[5000:7000], "more_body": True}
        (row,) = await rows(any_world)
        assert row["received"] == 7000
        yield {"type": "http.request", "body": content[7000:], "more_body": False}

    await RawRequest(any_world.app, user, location, 0).send(slow())
    await assert_is_a_video(any_world, user, location, content)


# Ends


async def test_a_terminated_upload_leaves_nothing(any_world: World, user: UUID) -> None:
    client = any_world.client(user)
    location = await begun(client, 5000)
    await patch(client, location, 0, b"\0\0\0\x18ftypmp42")
    assert (await client.delete(location, headers=TUS)).status_code == 204
    await assert_nothing_is_left(any_world)
    assert (await client.head(location, headers=TUS)).status_code == 404


async def test_a_finished_upload_is_not_terminated(
    client: httpx.AsyncClient, content: bytes
) -> None:
    location = await begun(client, len(content))
    await patch(client, location, 0, content)
    answer = await client.delete(location, headers=TUS)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_finished")
    assert (await client.get(f"/api/videos/{id_of(location)}")).status_code == 200


async def test_an_upload_that_is_not_finished_in_time_is_gone(any_world: World, user: UUID) -> None:
    client = any_world.client(user)
    location = await begun(client, 5000)
    await patch(client, location, 0, b"\0\0\0\x18ftypmp42")
    any_world.clock.advance(UPLOAD_LIFETIME.total_seconds() - 1)
    await any_world.sweeper.sweep()
    assert await offset_of(client, location) == 12
    any_world.clock.advance(2)
    for _ in range(2):  # before the sweeper has come, and after
        assert (await client.head(location, headers=TUS)).status_code == 410
        answer = await patch(client, location, 12, b"x")
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_gone")
        await any_world.sweeper.sweep()
    assert await any_world.rows() == []
    assert await any_world.keys() == set()


async def test_each_byte_prolongs_the_upload(world: World, client: httpx.AsyncClient) -> None:
    location = await begun(client, 5000)
    for offset, piece in enumerate((b"\0", b"\0", b"\0")):
        world.clock.advance(UPLOAD_LIFETIME.total_seconds() - 60)
        await world.sweeper.sweep()
        assert (await patch(client, location, offset, piece)).status_code == 204


async def test_a_whole_upload_whose_process_was_killed_is_finished_by_another(
    any_world: World, user: UUID, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))

    async def killed(*_: object) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "move", killed)
        assert (await patch(client, location, 0, content)).status_code == 503
    assert await offset_of(client, location) == len(content)
    await any_world.finish_due()
    assert (await client.get(f"/api/videos/{id_of(location)}")).status_code == 404
    any_world.clock.advance(31)
    await any_world.finish_due()
    await assert_is_a_video(any_world, user, location, content)
    assert (await rows(any_world))[0]["finished"]


async def test_a_file_that_was_put_in_place_before_a_crash_is_finished(
    any_world: World, user: UUID, content: bytes
) -> None:
    client = any_world.client(user)
    location = await begun(client, len(content))
    move = any_world.storage.move
    await patch(client, location, 0, content[:-1])
    (row,) = await rows(any_world)
    growing = growing_object(any_world.storage, f"incoming/{id_of(location)}")
    async with growing.append(row["received"], tuple(row["pieces"])) as end:
        await end.write(content[-1:])
        pieces = [*row["pieces"], *await end.sync()]
    await growing.join(tuple(pieces), len(content))
    await move(f"incoming/{id_of(location)}", f"videos/{id_of(location)}")
    statement = text("UPDATE uploads SET received = length, lease_until = '2025-01-01'")
    await any_world.database.run(statement)
    await any_world.finish_due()
    await assert_is_a_video(any_world, user, location, content)


async def test_the_digest_is_read_again_by_a_process_that_has_not_seen_the_beginning(
    any_world: World, user: UUID, content: bytes
) -> None:
    location = await begun(any_world.client(user), len(content))
    await patch(any_world.client(user), location, 0, content[:5000])
    restarted = World.build(any_world.database, any_world.storage)
    await patch(restarted.client(user), location, 5000, content[5000:])
    await assert_is_a_video(restarted, user, location, content)


async def test_bytes_that_the_storage_has_lost_are_asked_for_again(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content))
    await patch(client, location, 0, content[:5000])
    path = world.storage.local_path(f"incoming/{id_of(location)}")
    assert path is not None
    path.write_bytes(content[:4500])
    answer = await patch(client, location, 5000, content[5000:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "4500")
    assert (await patch(client, location, 4500, content[4500:])).status_code == 204
    await assert_is_a_video(world, user, location, content)


async def test_uploads_of_long_ago_are_forgotten(world: World, client: httpx.AsyncClient) -> None:
    location = await begun(client, 5000)
    forget = ForgetUploads(world.database, world.clock)
    world.clock.advance(UPLOAD_LIFETIME.total_seconds() + 1)
    await world.sweeper.sweep()
    await forget()
    assert (await client.head(location, headers=TUS)).status_code == 410
    world.clock.advance(7 * 86_400)
    await forget()
    assert await rows(world) == []
