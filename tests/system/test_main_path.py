"""The main job, as a front end sees it, over both topologies."""

import asyncio
import hashlib
import re
import time
from pathlib import Path

import psutil
import pytest

from tests.support.front_end import FrontEnd, until
from tests.support.media import make_media
from tests.support.sound import silence, speech
from tests.support.suite import SAMPLE, Suite

WORDS = {"courtyard", "video", "captions"}


async def test_a_video_goes_in_and_captions_come_out(user: FrontEnd) -> None:
    before = await user.balance()
    video = await user.upload()
    assert video["sha256"] == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    assert video["has_audio"] is True
    estimate = await user.call(
        "POST", "/api/credits/estimate", json={"type": "captions", "video_id": video["id"]}
    )
    job = await user.submit(video["id"])
    assert job["credits"] == estimate["credits"] > 0
    assert (await user.finished(job["id"]))["status"] == "succeeded"

    answer = await user.http.get(f"/api/jobs/{job['id']}/captions.vtt")
    assert answer.headers["content-type"].startswith("text/vtt")
    assert answer.text.startswith("WEBVTT\n")
    srt = (await user.http.get(f"/api/jobs/{job['id']}/captions.srt")).text
    assert re.search(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", srt)
    text = (await user.http.get(f"/api/jobs/{job['id']}/captions.txt")).text
    assert set(re.findall(r"\w+", text.lower())) & WORDS, text
    details = await user.call("GET", f"/api/jobs/{job['id']}/captions.json")
    assert details["words"][0]["end"] > details["words"][0]["start"]

    after = await user.balance()
    assert after == {"balance": before["balance"] - job["credits"], "held": 0}
    history = await user.call("GET", "/api/credits/transactions")
    assert [one["kind"] for one in history["items"]] == ["capture", "hold", "grant"]
    assert sum(one["amount"] for one in history["items"]) == after["balance"]


async def test_progress_is_reported_while_a_job_runs(user: FrontEnd, tmp_path: Path) -> None:
    video = await user.upload(speech(tmp_path / "long.wav", 60))
    job = await user.submit(video["id"])
    seen = set()
    while (job := await user.job(job["id"]))["status"] in {"queued", "running"}:
        seen.add(job["progress"])
        await asyncio.sleep(0.1)
    assert job["progress"] == 1.0
    assert len([one for one in seen if 0 < one < 1]) >= 2, seen


async def test_cancelling_a_running_job_stops_it_within_a_second_and_refunds(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    before = await user.balance()
    video = await user.upload(speech(tmp_path / "long.wav", 400))
    job = await user.submit(video["id"])
    await user.job_when(job["id"], {"running"})

    async def at_work() -> bool:
        return recognising(suite)

    async def stopped() -> bool:
        return not recognising(suite)

    await until(at_work)
    cancelled = await user.call("POST", f"/api/jobs/{job['id']}/cancel")
    asked = time.monotonic()
    assert cancelled["status"] == "cancelled"
    assert await user.balance() == before
    await until(stopped, seconds=1)
    assert time.monotonic() - asked < 1
    assert (await user.job(job["id"]))["status"] == "cancelled"


def recognising(suite: Suite) -> bool:
    """Whether a child of this suite runs the recogniser."""
    worker = suite.processes.get("worker") or suite.processes["suite"]
    children = psutil.Process(worker.pid).children(recursive=True)
    return any("sphinx_child" in " ".join(_command_of(child)) for child in children)


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has just ended
        return []


async def test_the_same_key_charges_once(user: FrontEnd) -> None:
    video = await user.upload()
    first = await user.submit(video["id"], key="once")
    await user.finished(first["id"])
    again = await user.submit(video["id"], key="once")
    assert again["id"] == first["id"]
    history = await user.call("GET", "/api/credits/transactions")
    assert [one["kind"] for one in history["items"]] == ["capture", "hold", "grant"]


async def test_two_submits_at_once_with_credit_for_one(user: FrontEnd, tmp_path: Path) -> None:
    left = (await user.balance())["balance"]
    long = await user.upload(silence(tmp_path / "long.wav", 60 * (left - 1) - 1))
    await user.submit(long["id"])
    assert (await user.balance())["balance"] == 1
    videos = [await user.upload() for _ in range(2)]
    requests = [
        user.http.post("/api/jobs", json={"type": "captions", "video_id": video["id"]})
        for video in videos
    ]
    answers = await asyncio.gather(*requests)
    assert sorted(one.status_code for one in answers) == [202, 402]
    refused = next(one for one in answers if one.status_code == 402).json()
    assert refused["code"] == "not_enough_credits"


async def test_what_belongs_to_another_user_is_not_found(user: FrontEnd, other: FrontEnd) -> None:
    video = await user.upload()
    job = await user.submit(video["id"])
    for method, path in [
        ("GET", f"/api/videos/{video['id']}"),
        ("GET", f"/api/videos/{video['id']}/content"),
        ("DELETE", f"/api/videos/{video['id']}"),
        ("GET", f"/api/jobs/{job['id']}"),
        ("POST", f"/api/jobs/{job['id']}/cancel"),
        ("GET", f"/api/jobs/{job['id']}/captions.vtt"),
    ]:
        await other.call(method, path, 404)
    await other.submit(video["id"], 404)
    assert (await other.call("GET", "/api/videos"))["items"] == []
    assert (await other.call("GET", "/api/jobs"))["items"] == []
    assert (await user.call("POST", f"/api/jobs/{job['id']}/cancel"))["status"] == "cancelled"


async def test_a_removed_video_ends_its_job_and_refunds(user: FrontEnd, tmp_path: Path) -> None:
    before = await user.balance()
    video = await user.upload(speech(tmp_path / "long.wav", 400))
    job = await user.submit(video["id"])
    await user.call("DELETE", f"/api/videos/{video['id']}", 204)
    ended = await user.finished(job["id"], seconds=10)
    # its worker may find the video gone before it hears that the job is cancelled
    assert ended["status"] == "cancelled" or ended["error"]["code"] == "video_gone"
    assert await user.balance() == before
    await user.submit(video["id"], 404)


async def test_a_range_of_a_video_passes_the_gateway(user: FrontEnd) -> None:
    video = await user.upload()
    path = f"/api/videos/{video['id']}/content"
    content = SAMPLE.read_bytes()
    whole = await user.http.get(path)
    assert whole.content == content
    part = await user.http.get(path, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    beyond = await user.http.get(path, headers={"range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(b"hello, world " * 100, 415, "unsupported_media"), (b"", 422, "invalid_input")],
)
async def test_what_is_no_video_is_refused_and_leaves_nothing(
    user: FrontEnd, content: bytes, status: int, code: str
) -> None:
    answer = await user.call(
        "POST", "/api/videos", status, files={"file": ("talk.mp4", content, "video/mp4")}
    )
    assert answer["code"] == code
    assert (await user.call("GET", "/api/videos"))["items"] == []


async def test_a_video_without_sound_is_refused_before_it_costs(
    user: FrontEnd, tmp_path: Path
) -> None:
    video = await user.upload(make_media(tmp_path / "silent.mp4", sound=False))
    refused = await user.submit(video["id"], 422)
    assert refused["code"] == "video_has_no_sound"
    assert (await user.balance())["held"] == 0
