"""What guests may upload, and whose it is once they turn out to be users."""

import asyncio
import re
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from auth_service.events import GuestUpgraded
from content_service.subscriptions import subscriptions
from content_service.videos.domain import MediaFacts
from content_service.videos.prober import LEASE
from content_service.videos.repository import Videos
from content_service.videos.use_cases import EraseOwner
from shared.db.aliases import Aliases
from shared.ids import uuid7
from shared.messaging.envelopes import Envelopes
from shared.messaging.inbox import Inbox
from tests.integration.content.world import GUEST_BYTES, World, upload

FACTS = MediaFacts(2.0, 64, 48, "h264", "aac")


async def adopt(world: World, guest: UUID, user: UUID) -> None:
    """The service hears that `guest` is `user`."""
    event = Envelopes("auth").of(GuestUpgraded(guest, user, world.clock.now()))
    for one in subscriptions(Inbox(world.database), EraseOwner(world.clock, lambda: None)):
        if event.type in one.types:
            await one.handle(event)


@pytest.fixture
def guest() -> UUID:
    return uuid7()


@pytest.fixture
def as_guest(world: World, guest: UUID) -> httpx.AsyncClient:
    return world.client(f"guest:{guest}")


@pytest.fixture
def content(good: Path) -> bytes:
    return good.read_bytes()


async def test_a_guests_file_may_not_be_large(as_guest: httpx.AsyncClient, world: World) -> None:
    files = {"file": ("a.mp4", bytes(GUEST_BYTES + 100_000))}
    answer = await as_guest.post("/api/videos", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")
    assert re.fullmatch(
        r"The plan guest takes videos of up to 100000 bytes, and this one has \d+ or more; "
        r"register for more\.",
        answer.json()["detail"],
    )
    assert answer.json()["allowed_bytes"] == GUEST_BYTES
    assert await world.rows() == []


async def test_a_guests_file_may_not_grow_large_on_its_way(
    as_guest: httpx.AsyncClient, world: World, content: bytes
) -> None:
    too_large = content + bytes(GUEST_BYTES + 1 - len(content))
    answer = await as_guest.post("/api/videos", files={"file": ("a.mp4", too_large)})
    assert (answer.status_code, answer.json()["code"]) == (413, "video_too_large")
    assert await world.rows() == []


async def test_a_guest_keeps_a_few_videos_alone(
    as_guest: httpx.AsyncClient, good: Path, content: bytes
) -> None:
    first = await upload(as_guest, good)
    await upload(as_guest, good)
    refused = await as_guest.post("/api/videos", files={"file": ("a.mp4", content)})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_videos")
    assert refused.json()["detail"] == (
        "The plan guest keeps 2 videos at a time: delete one, or register for more."
    )
    await as_guest.delete(f"/api/videos/{first['id']}")
    await upload(as_guest, good)


async def test_uploads_of_a_guest_at_the_same_time_do_not_exceed_their_number(
    as_guest: httpx.AsyncClient, content: bytes
) -> None:
    files = {"file": ("a.mp4", content)}
    answers = await asyncio.gather(*(as_guest.post("/api/videos", files=files) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [201, 201, 409, 409, 409]


async def test_users_are_bound_by_neither(client: httpx.AsyncClient, content: bytes) -> None:
    for _ in range(3):
        await upload(client, content + bytes(GUEST_BYTES))


async def test_a_guests_videos_are_the_users(
    world: World, as_guest: httpx.AsyncClient, client: httpx.AsyncClient, guest: UUID, user: UUID,
    good: Path,
) -> None:  # fmt: skip
    video = await upload(as_guest, good)
    await adopt(world, guest, user)
    assert (await client.get(f"/api/videos/{video['id']}")).json()["id"] == video["id"]
    assert (await as_guest.get("/api/videos")).json()["items"] == []


async def test_a_video_that_is_examined_meanwhile_gets_ready_for_the_user(
    world: World, as_guest: httpx.AsyncClient, guest: UUID, user: UUID, good: Path
) -> None:
    await upload(as_guest, good)
    now = world.clock.now()
    claim = await Videos(world.database).claim(now, now + LEASE)
    assert claim is not None
    await adopt(world, guest, user)
    ready = await Videos(world.database).make_ready(claim, FACTS, now)
    assert ready is not None
    assert ready.owner_id == user


async def test_an_upload_that_begins_after_the_guest_is_a_user_is_the_users(
    world: World, as_guest: httpx.AsyncClient, client: httpx.AsyncClient, guest: UUID, user: UUID,
    good: Path,
) -> None:  # fmt: skip
    await adopt(world, guest, user)
    video = await upload(as_guest, good)
    assert (await client.get(f"/api/videos/{video['id']}")).status_code == 200


async def test_an_upload_that_begins_at_the_same_moment_is_the_users(
    world: World, as_guest: httpx.AsyncClient, guest: UUID, user: UUID, good: Path
) -> None:
    async with world.database.transaction() as tx:
        await Aliases(tx).owner(guest)  # as an upload that is about to write its row
        adopting = asyncio.create_task(adopt(world, guest, user))
        await asyncio.sleep(0.1)
        assert not adopting.done()
    await adopting
    await upload(as_guest, good)
    assert {row["owner_id"] for row in await world.rows()} == {user}


async def test_a_second_telling_changes_nothing(
    world: World, as_guest: httpx.AsyncClient, guest: UUID, user: UUID, good: Path
) -> None:
    await upload(as_guest, good)
    for _ in range(2):
        await adopt(world, guest, user)
    assert {row["owner_id"] for row in await world.rows()} == {user}


async def test_a_guest_who_registers_keeps_their_videos(
    world: World, as_guest: httpx.AsyncClient, guest: UUID, good: Path
) -> None:
    await upload(as_guest, good)
    await adopt(world, guest, guest)
    assert {row["owner_id"] for row in await world.rows()} == {guest}
