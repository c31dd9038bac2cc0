"""Uploads that are resumed, through the gateway, by the client that front ends use."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from tests.support.front_end import FrontEnd
from tests.support.hiding_proxy import hiding_proxy
from tests.support.suite import SAMPLE, Suite
from tests.support.tus_client import padded, upload_by_tus

MIB = 1024**2
SIZES = {"embedded": 1024 * MIB, "split": 128 * MIB}
GROWTH = 50 * MIB


@asynccontextmanager
async def memory_watched(suite: Suite) -> AsyncIterator[dict[str, int]]:
    """By how many bytes each process that touches a file has grown at most."""
    names: list[str] = [name for name in ("suite", "gateway", "content") if name in suite.processes]
    watched = {name: psutil.Process(suite.processes[name].pid) for name in names}
    before = {name: process.memory_info().rss for name, process in watched.items()}
    grown = dict.fromkeys(names, 0)

    async def watch() -> None:
        while True:
            for name, process in watched.items():
                grown[name] = max(grown[name], process.memory_info().rss - before[name])
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        yield grown
        watching.cancel()


async def test_tus_js_client_uploads_a_gigabyte_over_a_line_that_breaks_three_times(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    size = SIZES["split" if suite.services else "embedded"]
    token = user.session["access_token"]
    file = padded(SAMPLE, tmp_path / "big.mp4", size)
    await upload_by_tus(suite.address, token, SAMPLE, chunk=20_000)  # warm up
    async with memory_watched(suite) as grown:
        cuts = [size // 4, size // 2, size * 3 // 4]
        uploaded = await upload_by_tus(suite.address, token, file, cuts=cuts)
    assert uploaded.cuts_left == 0
    assert uploaded.requests.count("HEAD") >= 3
    assert uploaded.url.startswith(f"{suite.address}/api/uploads/")
    assert max(grown.values()) < GROWTH, grown
    video = await user.video_when(uploaded.video, {"ready", "rejected"})
    assert (video["state"], video["size_bytes"]) == ("ready", size)
    with file.open("rb") as content:
        assert video["sha256"] == hashlib.file_digest(content, "sha256").hexdigest()
    assert (video["title"], video["filename"]) == ("마당 축제", "courtyard.mp4")


async def test_an_upload_stays_on_the_way_through_a_proxy_that_hides_its_name(
    suite: Suite, user: FrontEnd
) -> None:
    token = user.session["access_token"]
    async with hiding_proxy(int(suite.address.rpartition(":")[2])) as address:
        uploaded = await upload_by_tus(address, token, SAMPLE, chunk=100_000)
    assert uploaded.url.startswith(f"{address}/api/uploads/")
    assert uploaded.requests.count("PATCH") > 1
    assert (await user.video_when(uploaded.video, {"ready"}))["size_bytes"] == len(
        SAMPLE.read_bytes()
    )


async def test_a_browser_may_discover_and_read_what_tus_tells(suite: Suite) -> None:
    origin = "https://app.example"
    async with suite.client() as browser:
        asked = {
            "origin": origin,
            "access-control-request-method": "PATCH",
            "access-control-request-headers": "authorization,tus-resumable,upload-offset",
        }
        preflight = await browser.options("/api/uploads/1", headers=asked)
        assert preflight.status_code == 200
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert "upload-offset" in preflight.headers["access-control-allow-headers"]
        for headers in ({}, {"origin": origin}):
            found = await browser.options("/api/uploads", headers=headers)
            assert (found.status_code, found.headers["tus-version"]) == (204, "1.0.0")
        exposed = found.headers["access-control-expose-headers"].lower()
        for name in ("location", "upload-offset", "tus-resumable", "content-location"):
            assert name in exposed
