"""Quotas: exact however many uploads begin and end at once, and known to those they bind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
from starlette.types import Message

from content_service.videos.limits import BUILT_IN, Plan
from shared.db.database import Database
from shared.storage.storage import Storage
from tests.integration.content.world import FORM_HEAD, FORM_TAIL, World, post_raw, upload
from tests.support.media import make_media


@pytest.fixture
def content(good: Path) -> bytes:
    return good.read_bytes()


@pytest.fixture
def plan(content: bytes) -> Plan:
    """Room for two files and a half, of five videos."""
    return msgspec.structs.replace(
        BUILT_IN["free"], total_bytes=len(content) * 5 // 2, videos=5, retention_days=2.0
    )


@pytest.fixture
def world(content_database: Database, tmp_path: Path, plan: Plan) -> World:
    long = msgspec.structs.replace(plan, name="pro", max_seconds=3600.0, retention_days=30.0)
    plans = {**BUILT_IN, "free": msgspec.structs.replace(plan, max_seconds=3.0), "pro": long}
    storage = Storage.open((tmp_path / "files").as_uri())
    return World.build(content_database, storage, plans=plans)


async def send(client: httpx.AsyncClient, content: bytes) -> tuple[int, str]:
    """Upload; the status, and the code of a refusal."""
    answer = await client.post("/api/videos", files={"file": ("a.mp4", content)})
    return answer.status_code, answer.json().get("code", "")


async def test_what_does_not_fit_is_refused_and_leaves_nothing(
    world: World, client: httpx.AsyncClient, content: bytes
) -> None:
    kept = [await upload(client, content) for _ in range(2)]
    assert await send(client, content) == (409, "quota_exceeded")
    assert {row["id"] for row in await world.rows()} == {UUID(one["id"]) for one in kept}
    assert len(world.files()) == 2


async def test_uploads_at_the_same_time_do_not_exceed_it(
    world: World, client: httpx.AsyncClient, content: bytes
) -> None:
    answers = await asyncio.gather(*(send(client, content) for _ in range(6)))
    assert sorted(answers) == [(201, "")] * 2 + [(409, "quota_exceeded")] * 3 + [
        (409, "too_many_videos")
    ]
    assert len(world.files()) == 2
    usage = (await client.get("/api/videos/usage")).json()
    assert usage["bytes"]["used"] == len(content) * 2


async def test_what_is_deleted_makes_room(
    world: World, client: httpx.AsyncClient, content: bytes
) -> None:
    first = await upload(client, content)
    await upload(client, content)
    await client.delete(f"/api/videos/{first['id']}")
    await upload(client, content)


async def test_what_is_rejected_makes_room(
    world: World, client: httpx.AsyncClient, content: bytes
) -> None:
    await upload(client, content[:-1000])
    await upload(client, content)
    await world.prober.probe_next()
    await upload(client, content)


async def test_what_is_given_up_makes_room(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes
) -> None:
    async def broken() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": FORM_HEAD + content[:9000], "more_body": True}
        yield {"type": "http.disconnect"}

    for _ in range(6):
        await post_raw(world.app, user, broken())
    assert (await client.get("/api/videos/usage")).json()["videos"]["used"] == 0
    await upload(client, content)


async def test_an_upload_under_way_takes_its_place(
    world: World, client: httpx.AsyncClient, user: UUID, content: bytes, plan: Plan
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": FORM_HEAD + content, "more_body": True}
        begun.set()
        await go_on.wait()
        yield {"type": "http.request", "body": FORM_TAIL, "more_body": False}

    under_way = [
        asyncio.ensure_future(post_raw(world.app, user, slow())) for _ in range(plan.videos)
    ]
    await begun.wait()
    while (await client.get("/api/videos/usage")).json()["videos"]["used"] < plan.videos:
        await asyncio.sleep(0.01)
    assert await send(client, content) == (409, "too_many_videos")
    go_on.set()
    statuses = [(await one)[0]["status"] for one in under_way]
    assert sorted(statuses) == [201, 201, 409, 409, 409]  # by bytes, known at their end


async def test_one_of_another_owner_is_not_counted(
    world: World, client: httpx.AsyncClient, content: bytes
) -> None:
    for _ in range(2):
        await upload(client, content)
    await upload(world.client("guest:01936f2e-4a71-7c3e-9b1d-5f0a6c2e8d11"), content)


async def test_usage_is_told_with_what_is_allowed(
    world: World, client: httpx.AsyncClient, content: bytes, plan: Plan
) -> None:
    await upload(client, content)
    assert (await client.get("/api/videos/usage")).json() == {
        "plan": "free",
        "videos": {"used": 1, "allowed": 5},
        "bytes": {"used": len(content), "allowed": plan.total_bytes},
        "max_bytes": 400 * 1024**2,
        "max_seconds": 3.0,
        "retention_days": 2.0,
    }


@pytest.mark.parametrize(
    ("token", "name"), [("guest:{}", "guest"), ("pro:{}", "pro"), ("{}", "free")]
)
async def test_usage_names_the_plan_of_the_token(
    world: World, user: UUID, token: str, name: str
) -> None:
    client = world.client(token.format(user))
    assert (await client.get("/api/videos/usage")).json()["plan"] == name


@pytest.mark.parametrize(("token", "days"), [("{}", 2), ("pro:{}", 30)])
async def test_a_video_is_kept_for_as_long_as_the_plan_says(
    world: World, user: UUID, content: bytes, token: str, days: int
) -> None:
    client = world.client(token.format(user))
    view = await upload(client, content)
    assert datetime.fromisoformat(view["expires_at"]) == world.clock.now() + timedelta(days=days)
    world.clock.advance(days * 24 * 3600 - 1)
    await world.expire()
    assert (await client.get(f"/api/videos/{view['id']}")).json()["state"] == "stored"
    world.clock.advance(1)
    await world.expire()
    assert (await client.get(f"/api/videos/{view['id']}")).json()["state"] == "expired"
    assert world.files() == []


@pytest.mark.parametrize(("token", "state"), [("{}", "rejected"), ("pro:{}", "ready")])
async def test_a_video_lasts_no_longer_than_the_plan_says(
    world: World, user: UUID, tmp_path: Path, token: str, state: str
) -> None:
    client = world.client(token.format(user))
    film = make_media(tmp_path / "a.mp4", seconds=4, sound=False)
    video_id = (await upload(client, film.read_bytes()[: 10**9]))["id"]
    await world.prober.probe_next()
    assert (await client.get(f"/api/videos/{video_id}")).json()["state"] == state
