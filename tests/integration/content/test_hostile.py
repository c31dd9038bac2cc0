"""Files that are made to harm: each is refused or rejected with its reason, and leaves nothing."""

import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from content_service.videos import prober as prober_module
from shared.runtime.children import Limits
from tests.integration.content.world import World, upload
from tests.support import hostile
from tests.support.media import make_media

Make = Callable[[Path], bytes]
FTYP = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"


def noise(count: int) -> bytes:
    return random.Random(5).randbytes(count)


NO_MEDIA = {
    "random bytes": b"\x80" + noise(50_000),
    "a text under the name of a video": b"I am a film. " * 99,
    "a picture": hostile.png(16, 16),
    "a program": b"\x7fELF" + bytes(5_000),
    "a playlist that leads inwards": b"#EXTM3U\n#EXTINF:2,\nhttp://169.254.169.254/latest\n",
    "a list of files to join": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "a session description": b"v=0\nm=video 5004 RTP/AVP 96\n",
}
REFUSED = {
    "empty": (b"", 422, "invalid_input"),
    **{name: (content, 415, "unsupported_media") for name, content in NO_MEDIA.items()},
}
"""What is refused before it is stored: the file, the status, the code."""

REJECTED: dict[str, tuple[str, Make]] = {
    "cut off": ("truncated", lambda path: make_media(path / "a.mp4").read_bytes()[:-2000]),
    "nothing but its beginning": ("not_media", lambda _: FTYP),
    "noise that begins like a video": ("not_media", lambda _: FTYP + noise(50_000)),
    "noise that begins like sound": ("not_media", lambda _: b"ID3\3\0\0\0\0\0\0" + bytes(50_000)),
    "a playlist within a video's name and head": (
        "not_media",
        lambda _: FTYP + b"#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n",
    ),
    "a picture of gigapixels": ("not_media", lambda _: hostile.film_of_one_picture(30_000, 30_000)),
    "a picture that is larger than it says": (
        "not_media",
        lambda _: hostile.film_of_one_picture(30_000, 30_000, honest=False),
    ),
    "hours in a few bytes": ("too_long", lambda _: hostile.film_of_hours(30)),
    "10,000 streams": ("too_many_streams", lambda _: hostile.matroska_of_streams(10_000)),
    "a track without frames": ("no_streams", lambda _: hostile.film_without_frames()),
    "a frame that lasts no time": ("no_duration", lambda _: hostile.film_without_time()),
}
"""What is rejected by a look into it: the code, and how to make it."""


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_video_is_refused_at_the_door(
    world: World, client: httpx.AsyncClient, name: str
) -> None:
    content, status, code = REFUSED[name]
    answer = await client.post("/api/videos", files={"file": ("film.mp4", content, "video/mp4")})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await world.rows() == []
    assert world.files() == []


@pytest.mark.parametrize("name", REJECTED)
async def test_what_cannot_be_used_is_rejected_and_leaves_nothing(
    world: World, client: httpx.AsyncClient, tmp_path: Path, name: str
) -> None:
    code, make = REJECTED[name]
    video_id = (await upload(client, make(tmp_path)))["id"]
    assert await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["reason"] and view["reason"]["code"]) == ("rejected", code)
    assert view["reason"]["text"][0].isupper()
    assert view["reason"]["text"].endswith(".")
    assert view["poster_url"] is None
    assert world.files() == []
    assert await world.events() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda path: hostile.mp3_with_cover(path, 30_000, 30_000),
        lambda path: hostile.mp4_with_metadata(path, 5_000_000),
        lambda path: hostile.page_within_mp4(path),
        lambda _: hostile.film_before_time(100),
    ],
    ids=["a cover of gigapixels", "huge metadata", "a web page in it", "negative times"],
)
async def test_what_does_no_harm_is_ready(
    world: World, client: httpx.AsyncClient, tmp_path: Path, make: Make
) -> None:
    """A cover is never decoded, metadata is not kept, and nobody takes a video for a page."""
    video_id = (await upload(client, make(tmp_path)))["id"]
    await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["duration_seconds"] > 1) == ("ready", True)
    answer = await client.head(f"/api/videos/{video_id}/content")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] in ("video/mp4", "audio/mpeg", "video/quicktime")


async def test_what_needs_too_much_memory_is_rejected(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", "tests.support.probe_that_swells")
    video_id = (await upload(client, good))["id"]
    await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["reason"]["code"]) == ("rejected", "too_complex")
    assert world.files() == []


async def test_what_hangs_whoever_reads_it_is_rejected(
    world: World, client: httpx.AsyncClient, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "CHILD", "tests.support.probe_that_hangs")
    monkeypatch.setattr(prober_module, "CHILD_LIMITS", Limits(1 << 30, 60, 0.3))
    video_id = (await upload(client, good))["id"]
    await world.prober.probe_next()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["reason"]["code"]) == ("rejected", "too_complex")
    assert world.files() == []
