"""Uploads under way of somebody who registers, asks for their data, or is erased."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.types import Message

from auth_service.events import GuestUpgraded, UserDeleted
from content_service.people.endpoints import PeopleEndpoints
from shared.http.application import build_app
from tests.integration.content.test_erasure import hear, left_of
from tests.integration.content.tus import TUS, RawRequest, begun, metadata, offset_of, patch
from tests.integration.content.world import TrustingAuthenticator, World

NAMED = {"upload-metadata": metadata(filename="secret party.mp4", title="Our party")}


@pytest.fixture
def content(good: Path) -> bytes:
    return good.read_bytes()


async def test_a_guest_who_registers_goes_on_as_the_user(world: World, content: bytes) -> None:
    guest, user = uuid4(), uuid4()
    location = await begun(world.client(f"guest:{guest}"), len(content), **NAMED)
    await patch(world.client(f"guest:{guest}"), location, 0, content[:5000])
    await hear(world, GuestUpgraded(guest, user, world.clock.now()))
    assert (await world.client(guest).head(location, headers=TUS)).status_code == 404
    assert await offset_of(world.client(user), location) == 5000
    assert (await patch(world.client(user), location, 5000, content[5000:])).status_code == 204
    (video,) = (await world.client(user).get("/api/videos")).json()["items"]
    assert video["title"] == "Our party"


async def test_nothing_is_left_of_an_upload_of_somebody_who_is_erased(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content), **NAMED)
    await patch(client, location, 0, content[:5000])
    await hear(world, UserDeleted(user, world.clock.now()))
    assert await left_of(world, str(user), "party") == set()
    assert (await client.head(location, headers=TUS)).status_code == 404
    world.clock.advance(86_401)
    await world.sweeper.sweep()
    assert await world.rows() == []
    assert world.files() == []


async def test_bytes_that_arrive_while_their_owner_is_erased_are_not_kept(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content), **NAMED)

    async def overtaken() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": content[:5000], "more_body": True}
        await hear(world, UserDeleted(user, world.clock.now()))
        yield {"type": "http.request", "body": content[5000:], "more_body": False}

    start, *_ = await RawRequest(world.app, user, location, 0).send(overtaken())
    assert start["status"] == 423
    assert world.files() == []
    assert await left_of(world, str(user), "party") == set()


async def test_the_export_tells_of_uploads_under_way(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    location = await begun(client, len(content), **NAMED)
    await patch(client, location, 0, content[:5000])
    done = await begun(client, len(content))
    await patch(client, done, 0, content)
    people = build_app(
        "content",
        endpoints=[PeopleEndpoints(world.database, world.clock)],
        authenticate=TrustingAuthenticator(),
        checks={},
    )
    transport = httpx.ASGITransport(people)
    async with httpx.AsyncClient(transport=transport, base_url="http://content") as auth:
        answer = await auth.get(
            f"/internal/people/{user}/data", headers={"authorization": "Bearer auth"}
        )
    video, upload = (json.loads(line) for line in answer.text.splitlines())
    assert (video["kind"], upload["kind"]) == ("videos", "uploads")
    assert upload["record"]["filename"] == "secret party.mp4"
    assert upload["record"]["received_bytes"] == 5000
