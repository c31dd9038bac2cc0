"""Listing, reading and downloading: what an owner sees, and others do not."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest

from shared.ids import uuid7
from tests.integration.content.world import World, upload


async def ready(world: World, client: httpx.AsyncClient, path: Path) -> str:
    video_id: str = (await upload(client, path))["id"]
    assert await world.prober.probe_next()
    return video_id


def read(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_list_is_paged_from_the_newest(client: httpx.AsyncClient, good: Path) -> None:
    ids = [(await upload(client, good))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    for size in (2, 2, 1):
        page = (await client.get("/api/videos", params={"limit": 2, "cursor": cursor})).json()
        assert len(page["items"]) == size
        seen += [video["id"] for video in page["items"]]
        cursor = page["next_cursor"] or ""
    assert cursor == ""
    assert seen == ids[::-1]


async def test_a_full_last_page_has_no_next_one(client: httpx.AsyncClient, good: Path) -> None:
    for _ in range(2):
        await upload(client, good)
    assert (await client.get("/api/videos?limit=2")).json()["next_cursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=made-up", "page=2"])
async def test_a_wrong_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/videos?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_another_users_video_does_not_exist(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    stranger = world.client(uuid7())
    assert (await stranger.get("/api/videos")).json()["items"] == []
    for method, path in (("GET", ""), ("GET", "/content"), ("HEAD", "/content"), ("DELETE", "")):
        answer = await stranger.request(method, f"/api/videos/{video_id}{path}")
        assert answer.status_code == 404, (method, path)
    assert (await client.get(f"/api/videos/{video_id}")).status_code == 200


async def test_an_id_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/videos/not-an-id")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "video_id")


async def test_the_file_comes_back_as_it_was_sent(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    answer = await client.get(f"/api/videos/{video_id}/content")
    assert answer.content == read(good)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == 'attachment; filename="good.mp4"'


async def test_a_browser_plays_a_video_where_that_is_asked_for(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    content = f"/api/videos/{await ready(world, client, good)}/content"
    answer = await client.get(f"{content}?disposition=inline")
    assert answer.headers["content-disposition"] == 'inline; filename="good.mp4"'
    wrong = await client.get(f"{content}?disposition=frame")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "disposition")


async def test_a_download_is_named_as_what_it_is(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    form = {"file": ("holiday.html", read(good))}
    video_id = (await client.post("/api/videos", files=form)).json()["id"]
    assert await world.prober.probe_next()
    answer = await client.get(f"/api/videos/{video_id}/content")
    assert answer.headers["content-disposition"] == 'attachment; filename="holiday.html.mp4"'


async def test_a_file_that_the_store_has_lost_is_gone(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    await world.storage.delete(f"videos/{video_id}")
    answer = await client.get(f"/api/videos/{video_id}/content")
    assert (answer.status_code, answer.json()["code"]) == (410, "video_file_gone")


async def test_a_player_gets_the_range_it_asks_for(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    content = read(good)
    answer = await client.get(f"/api/videos/{video_id}/content", headers={"range": "bytes=-100"})
    assert (answer.status_code, answer.content) == (206, content[-100:])
    outside = await client.get(
        f"/api/videos/{video_id}/content", headers={"range": f"bytes={len(content)}-"}
    )
    assert outside.status_code == 416
    assert outside.headers["content-range"] == f"bytes */{len(content)}"
    tag = answer.headers["etag"]
    again = await client.get(f"/api/videos/{video_id}/content", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_file_of_a_video_that_is_not_ready_cannot_be_read_yet(
    client: httpx.AsyncClient, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    answer = await client.get(f"/api/videos/{video_id}/content")
    assert (answer.status_code, answer.json()["code"]) == (409, "video_not_ready")


@pytest.mark.parametrize("state", ["rejected", "expired"])
async def test_the_file_of_a_video_that_has_none_is_gone(
    world: World, client: httpx.AsyncClient, good: Path, state: str
) -> None:
    video_id = await ready(world, client, good)
    await world.set_state(video_id, state)
    answer = await client.get(f"/api/videos/{video_id}/content")
    assert (answer.status_code, answer.json()["code"]) == (410, "video_file_gone")


async def test_the_jobs_service_reads_the_source_of_any_user(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    answer = await world.client("jobs").get(f"/internal/videos/{video_id}/content")
    assert (answer.status_code, answer.content) == (200, read(good))
    unknown = await world.client("jobs").get(f"/internal/videos/{uuid7()}/content")
    assert unknown.status_code == 404


async def test_other_services_may_not_read_sources(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    answer = await world.client("gateway").get(f"/internal/videos/{video_id}/content")
    assert answer.status_code == 403


async def test_the_document_describes_the_form(world: World, user: UUID) -> None:
    document = (await world.client(user).get("/openapi.json")).json()
    body = document["paths"]["/api/videos"]["post"]["requestBody"]["content"]
    schema = body["multipart/form-data"]["schema"]
    assert schema["required"] == ["file"]
    assert set(schema["properties"]) == {"file", "title"}
