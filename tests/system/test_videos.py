"""What becomes of a video, as a front end sees it, over both topologies."""

from pathlib import Path

import pytest

from tests.support.chromium import a_page, find_chromium
from tests.support.front_end import FrontEnd, until
from tests.support.media import make_media
from tests.support.sound import speech
from tests.support.suite import Suite


async def test_a_video_shows_its_poster_and_what_it_uses(user: FrontEnd, tmp_path: Path) -> None:
    film = make_media(tmp_path / "film.mp4")
    video = await user.upload(film)
    assert (video["width"], video["height"], video["frame_rate"]) == (64, 48, 10)
    poster = await user.http.get(video["poster_url"])
    assert (poster.status_code, poster.headers["content-type"]) == (200, "image/jpeg")
    known = {"if-none-match": poster.headers["etag"]}
    assert (await user.http.get(video["poster_url"], headers=known)).status_code == 304

    usage = await user.call("GET", "/api/videos/usage")
    assert usage["plan"] == "free"
    assert (usage["videos"]["used"], usage["bytes"]["used"]) == (1, film.stat().st_size)
    await user.call("DELETE", f"/api/videos/{video['id']}", 204)
    assert (await user.http.get(video["poster_url"])).status_code == 404
    assert (await user.call("GET", "/api/videos/usage"))["videos"]["used"] == 0


async def test_a_browser_that_is_sent_to_a_link_plays_the_video(
    suite: Suite, user: FrontEnd
) -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    video = await user.upload()
    wanted = {"disposition": "inline"}
    link = await user.call("POST", f"/api/videos/{video['id']}/links", 201, json=wanted)
    async with a_page(program) as page:
        await page.open(suite.address + link["url"])

        async def plays() -> bool:
            return bool(await page.run("document.querySelector('video').readyState > 1"))

        await until(plays)
        shown = await page.run("document.querySelector('video').videoWidth")
        assert (shown, await page.run("window.origin")) == (video["width"], suite.address)


async def test_a_deleted_video_takes_its_jobs_along_and_leaves_its_captions(
    user: FrontEnd, tmp_path: Path
) -> None:
    short, long = await user.upload(), await user.upload(speech(tmp_path / "long.wav", 400))
    done = await user.submit(short["id"])
    await user.finished(done["id"])
    before = await user.balance()
    under_way = await user.submit(long["id"])
    for video in (short, long):
        await user.call("DELETE", f"/api/videos/{video['id']}", 204)

    async def cancelled() -> bool:
        return bool((await user.job(under_way["id"]))["status"] == "cancelled")

    await until(cancelled)
    assert await user.balance() == before
    captions = await user.http.get(f"/api/jobs/{done['id']}/captions.vtt")
    assert captions.text.startswith("WEBVTT\n")
