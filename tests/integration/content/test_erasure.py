"""Owners who are erased: no row and no file of theirs is left, in whatever order things come."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.types import Message

from auth_service.events import GuestUpgraded, UserDeleted
from content_service.subscriptions import subscriptions
from content_service.videos.domain import MediaFacts
from content_service.videos.prober import LEASE
from content_service.videos.repository import Videos
from content_service.videos.use_cases import EraseOwner
from shared.ids import uuid7
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import IntegrationEvent
from shared.messaging.inbox import Inbox
from tests.integration.content.world import FORM_HEAD, FORM_TAIL, World, post_raw, upload
from tests.support.traces import traces


@pytest.fixture
def content(good: Path) -> bytes:
    return good.read_bytes()


async def hear(world: World, *events: IntegrationEvent) -> list[str]:
    """The service hears these; what it then asks for."""
    woken: list[str] = []
    erase = EraseOwner(world.clock, lambda: woken.append("sweeper"))
    for event in events:
        envelope = Envelopes("auth").of(event)
        for one in subscriptions(Inbox(world.database), erase):
            if envelope.type in one.types:
                await one.handle(envelope)
    return woken


async def left_of(world: World, *words: str) -> set[str]:
    """The tables that tell of these, the outbox apart, which is emptied as it fills."""
    return (await traces(world.database, *words)).keys() - {"outbox"}


@pytest.mark.parametrize("state", ["stored", "probing", "ready", "rejected", "expired", "deleted"])
async def test_videos_in_any_state_go_with_their_files(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path, state: str
) -> None:
    jun = uuid7()
    await upload(client, good, title="Courtyard concert")
    kept = await upload(world.client(jun), good, title="Rooftop")
    (mine,) = [row for row in await world.rows() if row["owner_id"] == user]
    await world.set_state(str(mine["id"]), state)
    assert await hear(world, UserDeleted(user, world.clock.now())) == ["sweeper"]
    assert await left_of(world, str(user), "Courtyard concert") == set()
    await world.sweeper.sweep()
    assert [row["id"] for row in await world.rows()] == [UUID(kept["id"])]
    assert await world.keys() == {f"videos/{kept['id']}"}


async def test_rows_whose_file_is_gone_already_go_at_once(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    await upload(client, good)
    world.clock.advance(8 * 24 * 3600)
    await world.expire()
    assert [row["state"] for row in await world.rows()] == ["expired"]
    await hear(world, UserDeleted(user, world.clock.now()))
    assert await world.rows() == []


async def test_other_services_are_told_of_each_video_that_could_be_seen(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    for _ in range(2):
        await upload(client, good)
    await hear(world, UserDeleted(user, world.clock.now()))
    assert (await world.event_types()).count("content.video.deleted") == 2


async def test_who_examines_a_video_of_the_erased_finds_it_gone(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    await upload(client, good)
    now = world.clock.now()
    claim = await Videos(world.database).claim(now, now + LEASE)
    assert claim is not None
    await hear(world, UserDeleted(user, now))
    facts = MediaFacts(2.0, 64, 48, "h264", "aac")
    assert await Videos(world.database).make_ready(claim, facts, now) is None


@pytest.mark.parametrize("ends", [True, False])
async def test_an_upload_under_way_brings_nobody_back(
    world: World, user: UUID, content: bytes, ends: bool
) -> None:
    half = len(content) // 2

    async def messages() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": FORM_HEAD + content[:half], "more_body": True}
        while not await world.rows():
            await asyncio.sleep(0.01)
        await hear(world, UserDeleted(user, world.clock.now()))
        await world.sweeper.sweep()
        assert len(await world.rows()) == 1  # with a lease, but nobody's
        assert await left_of(world, str(user), "a.mp4") == set()
        if not ends:
            yield {"type": "http.disconnect"}
        yield {"type": "http.request", "body": content[half:] + FORM_TAIL, "more_body": False}

    sent = await post_raw(world.app, user, messages())
    if ends:
        assert sent[0]["status"] == 401
    assert await world.rows() == []
    assert world.files() == []


async def test_an_upload_that_begins_later_is_refused(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    await hear(world, UserDeleted(user, world.clock.now()))
    files = {"file": ("a.mp4", content)}
    answer = await client.post("/api/videos", files=files)
    assert (answer.status_code, answer.json()["code"]) == (401, "owner_erased")
    assert await world.rows() == []


@pytest.mark.parametrize("overtaken", [False, True])
async def test_what_a_guest_had_goes_with_the_user_they_turned_out_to_be(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path, overtaken: bool
) -> None:
    mina, now = uuid7(), world.clock.now()
    await upload(client, good)
    upgraded, deleted = GuestUpgraded(user, mina, now), UserDeleted(mina, now)
    await hear(world, *((deleted, upgraded) if overtaken else (upgraded, deleted)))
    await world.sweeper.sweep()
    assert await world.rows() == []
    assert await left_of(world, str(user), str(mina)) == set()
