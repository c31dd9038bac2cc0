"""Links that need no token: what they open, for how long, and what breaks them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_service.links.domain import Grant, LinkForged, LinkSigner
from content_service.settings import ContentSettings
from content_service.videos.domain import VideoId
from content_service.videos.use_cases import EraseOwner
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.settings import BadSettings, load
from shared.storage.presigning import Presigner
from shared.storage.storage import S3Access, Storage
from tests.integration.content.world import RETENTION, World, upload
from tests.support.s3 import BUCKET
from tests.support.sound import silence


async def ready(world: World, client: httpx.AsyncClient, path: Path) -> str:
    video_id: str = (await upload(client, path))["id"]
    assert await world.prober.probe_next()
    return video_id


def read(path: Path) -> bytes:
    return path.read_bytes()


async def link(client: httpx.AsyncClient, video_id: str, **wanted: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/videos/{video_id}/links", json=wanted)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def stranger(world: World) -> httpx.AsyncClient:
    """A client without a token."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://content")


async def test_a_link_opens_its_video_without_a_token(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    made = await link(client, video_id, expires_in=60)
    assert datetime.fromisoformat(made["expires_at"]) == world.clock.now() + timedelta(seconds=60)
    answer = await stranger(world).get(made["url"])
    assert (answer.status_code, answer.content) == (200, read(good))
    assert answer.headers["content-disposition"] == 'attachment; filename="good.mp4"'
    assert "set-cookie" not in answer.headers


async def test_a_page_of_any_origin_plays_a_link_in_parts(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    made = await link(client, await ready(world, client, good), disposition="inline")
    answer = await stranger(world).get(made["url"], headers={"range": "bytes=-100"})
    assert (answer.status_code, answer.content) == (206, read(good)[-100:])
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-disposition"] == 'inline; filename="good.mp4"'
    head = await stranger(world).head(made["url"])
    assert head.headers["content-length"] == str(len(read(good)))


async def test_a_link_shows_the_poster(world: World, client: httpx.AsyncClient, good: Path) -> None:
    video_id = await ready(world, client, good)
    made = await link(client, video_id, what="poster", disposition="inline")
    answer = await stranger(world).get(made["url"])
    assert answer.status_code == 200
    assert answer.content == (await client.get(f"/api/videos/{video_id}/poster")).content
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'inline; filename="good.jpg"'
    video = made["url"].replace("/poster?", "/content?")
    assert (await stranger(world).get(video)).status_code == 403


async def test_there_is_no_link_to_a_poster_that_is_not_there(
    world: World, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    video_id = await ready(world, client, silence(tmp_path / "sound.wav", 1))
    answer = await client.post(f"/api/videos/{video_id}/links", json={"what": "poster"})
    assert (answer.status_code, answer.json()["code"]) == (404, "poster_not_found")


async def test_a_link_tells_nothing_of_its_owner(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    made = await link(client, await ready(world, client, good))
    answer = await stranger(world).get(made["url"])
    assert str(user) not in made["url"] + str(answer.headers)


async def test_a_link_is_refused_from_its_end_on(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    made = await link(client, await ready(world, client, good), expires_in=60)
    world.clock.advance(59)
    assert (await stranger(world).get(made["url"])).status_code == 200
    world.clock.advance(1)
    answer = await stranger(world).get(made["url"])
    assert (answer.status_code, answer.json()["code"]) == (410, "media_link_expired")


async def test_a_link_never_outlives_its_video(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    world.clock.advance(RETENTION.total_seconds() - 10)
    made = await link(client, video_id, expires_in=3600)
    video = (await client.get(f"/api/videos/{video_id}")).json()
    assert made["expires_at"][:19] == video["expires_at"][:19]


def longer(url: str) -> str:
    end = parse_qs(urlsplit(url).query)["expires"][0]
    return url.replace(f"expires={end}", f"expires={int(end) + 1}")


FORGERIES: dict[str, Callable[[str], str]] = {
    "a later end": longer,
    "another way of showing": lambda url: url.replace("attachment", "inline"),
    "another video": lambda url: url.replace(url.split("/")[4], str(uuid7())),
    "another signature": lambda url: url[:-1] + ("A" if url[-1] != "A" else "B"),
    "no signature": lambda url: url.partition("signature=")[0] + "signature=",
    "a signature in another script": lambda url: url[:-1] + "%EB%A7%88",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_link_that_was_changed_is_refused(
    world: World, client: httpx.AsyncClient, good: Path, forgery: str
) -> None:
    made = await link(client, await ready(world, client, good))
    answer = await stranger(world).get(FORGERIES[forgery](made["url"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "media_link_invalid")


async def test_the_end_of_a_forged_link_is_not_told(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    made = await link(client, await ready(world, client, good), expires_in=1)
    world.clock.advance(100)
    assert (await stranger(world).get(longer(made["url"]))).status_code == 403


@pytest.mark.parametrize("missing", ["disposition", "expires", "signature"])
async def test_a_link_that_was_cut_short_names_what_is_missing(
    world: World, client: httpx.AsyncClient, good: Path, missing: str
) -> None:
    made = await link(client, await ready(world, client, good))
    url = httpx.URL(made["url"]).copy_remove_param(missing)
    answer = await stranger(world).get(url)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, missing)


async def test_the_link_of_a_deleted_video_is_dead_at_once(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = await ready(world, client, good)
    made = await link(client, video_id)
    await client.delete(f"/api/videos/{video_id}")
    answer = await stranger(world).get(made["url"])
    assert (answer.status_code, answer.json()["code"]) == (404, "video_not_found")


async def test_the_link_of_an_erased_users_video_is_dead_at_once(
    world: World, client: httpx.AsyncClient, user: UUID, good: Path
) -> None:
    made = await link(client, await ready(world, client, good))
    async with world.database.transaction() as tx:
        await EraseOwner(world.clock, lambda: None)(tx, user)
    assert (await stranger(world).get(made["url"])).status_code == 404


@pytest.mark.parametrize("state", ["expired", "rejected"])
async def test_the_link_of_a_video_without_a_file_is_dead(
    world: World, client: httpx.AsyncClient, good: Path, state: str
) -> None:
    video_id = await ready(world, client, good)
    made = await link(client, video_id)
    await world.set_state(video_id, state)
    answer = await stranger(world).get(made["url"])
    assert (answer.status_code, answer.json()["code"]) == (410, "video_file_gone")


async def test_links_are_made_only_by_owners_of_what_is_ready(
    world: World, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    links = f"/api/videos/{video_id}/links"
    early = await client.post(links, json={})
    assert (early.status_code, early.json()["code"]) == (409, "video_not_ready")
    assert (await world.client(uuid7()).post(links, json={})).status_code == 404
    assert (await stranger(world).post(links, json={})).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 604801}, "expires_in"),
        ({"disposition": "frame"}, "disposition"),
        ({"what": "source"}, "what"),
        ({"until": 5}, "until"),
    ],
)
async def test_a_wrong_wish_is_named(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await client.post(f"/api/videos/{uuid7()}/links", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@given(
    kept=st.sampled_from(["content", "poster"]),
    other=st.sampled_from(["content", "poster"]),
    expires=st.integers(0, 2**37),
    later=st.integers(0, 2**37),
)
def test_a_signature_is_good_for_one_grant_alone(
    kept: Any, other: Any, expires: int, later: int
) -> None:
    signer, video = LinkSigner(b"a key"), VideoId(uuid7())
    one, another = Grant(video, kept, "inline", expires), Grant(video, other, "inline", later)
    long_ago = datetime.fromtimestamp(-1, tz=SystemClock().now().tzinfo)
    signer.verify(one, signer.sign(one), long_ago)
    for grant, with_key in ((another, signer), (one, LinkSigner(b"another key"))):
        if (grant, with_key) != (one, signer):
            with pytest.raises(LinkForged):
                with_key.verify(grant, signer.sign(one), long_ago)


async def test_s3_sends_the_file_by_itself_where_that_is_allowed(
    content_database: Database, s3: S3Access, user: UUID, good: Path
) -> None:
    url = f"s3://{BUCKET}/a/prefix"
    presigner = Presigner.of(url, s3)
    world = World.build(content_database, Storage.open(url, s3), presigner=presigner)
    world.clock.advance((SystemClock().now() - world.clock.now()).total_seconds())
    made = await link(
        world.client(user), await ready(world, world.client(user), good), disposition="inline"
    )
    sent_on = await stranger(world).get(made["url"])
    assert sent_on.status_code == 307
    assert sent_on.headers["cache-control"] == "no-store"
    async with httpx.AsyncClient(headers={"range": "bytes=-100"}) as browser:
        answer = await browser.get(sent_on.headers["location"])
    assert (answer.status_code, answer.content) == (206, read(good)[-100:]), answer.text
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == 'inline; filename="good.mp4"'
    head = await stranger(world).head(made["url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(read(good))))
    forged = await stranger(world).get(longer(made["url"]))
    assert "location" not in forged.headers


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"storage_url": "file:///files"}, "only an S3 store"),
        ({"storage_url": "s3://files"}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_store_that_cannot_send_files_by_itself_is_named_at_start(
    settings: dict[str, str], why: str
) -> None:
    with pytest.raises(BadSettings, match=f"PRESIGNED_DOWNLOADS: .*{why}"):
        load(
            ContentSettings,
            secret_key="a secret of the whole installation, long enough",
            database_url="postgresql+asyncpg://x",
            amqp_url="amqp://x",
            presigned_downloads=True,
            **settings,
        )
