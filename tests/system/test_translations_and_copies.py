"""What is made of captions: the same in another language, and a copy of the video that shows them;
over both topologies."""

import re
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.integration.burn_in.films import difference, film, seen
from tests.support.chat_server import ChatServer, said
from tests.support.front_end import FrontEnd

SRT = """1
00:00:00,500 --> 00:00:01,000
Good morning.

2
00:00:01,200 --> 00:00:01,900
Welcome.
"""


async def imported(user: FrontEnd, video_id: str) -> str:
    """The id of a track with these captions."""
    answer = await user.call(
        "POST",
        f"/api/captions/import?video_id={video_id}&language=en",
        201,
        files={"file": ("talk.srt", SRT)},
    )
    return str(answer["track"]["id"])


async def done(user: FrontEnd, request: dict[str, Any]) -> dict[str, Any]:
    """The job that was asked for, once it has succeeded at the price that was told before."""
    before = await user.balance()
    estimate = await user.call("POST", "/api/credits/estimate", json=request)
    job = await user.call("POST", "/api/jobs", 202, json=request)
    assert job["credits"] == estimate["credits"] == 1
    ended = await user.finished(job["id"])
    assert ended["status"] == "succeeded", ended
    assert await user.balance() == {"balance": before["balance"] - ended["spent"], "held": 0}
    listed = await user.call("GET", f"/api/jobs?type={request['type']}")
    assert [one["id"] for one in listed["items"]] == [job["id"]]
    return ended


async def test_captions_are_translated_and_burned_in(
    user: FrontEnd, suite_chat: ChatServer, tmp_path: Path
) -> None:
    source = film(tmp_path / "film.mp4")
    video = await user.upload(source)
    track_id = await imported(user, video["id"])

    suite_chat.replies = [said("1| 좋은 아침입니다.\n", "2| 환영합니다.")]
    request = {
        "type": "translation",
        "track_id": track_id,
        "language": "ko",
        "provider": "openai",
    }
    translation = await done(user, request)
    korean = translation["result"]["track_id"]
    srt = (await user.http.get(f"/api/captions/{korean}/file.srt")).text
    assert re.findall(r"\d\d:\d\d:\d\d,\d{3}", srt) == re.findall(r"\d\d:\d\d:\d\d,\d{3}", SRT)
    assert "좋은 아침입니다." in srt
    assert (await user.http.get(f"/api/jobs/{translation['id']}/captions.srt")).text == srt

    burned = await done(user, {"type": "burn_in", "job_id": translation["id"]})
    copy = await user.video_when(f"/api/videos/{burned['result']['video_id']}", {"ready"})
    assert copy["title"] == f"{video['title']} [ko]"
    path = tmp_path / "copy.mp4"
    path.write_bytes((await user.http.get(f"/api/videos/{copy['id']}/content")).content)
    before, after = seen(source), seen(path)
    assert [
        difference(was, now) > 60 for (_, was), (_, now) in zip(before, after, strict=True)
    ] == [0.5 <= at < 1.0 or 1.2 <= at < 1.9 for at, _ in before]


async def test_a_cancelled_burn_in_leaves_no_video(user: FrontEnd, tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    noise, pixels = np.random.default_rng(3), (480, 640, 3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        picture = noise.integers(0, 256, pixels, dtype=np.uint8)
        for at in range(100):
            rolled = np.roll(picture, at * 7, axis=1)
            frame = av.VideoFrame.from_ndarray(rolled, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    video = await user.upload(path)
    before = await user.balance()
    track_id = await imported(user, video["id"])
    job = await user.call("POST", "/api/jobs", 202, json={"type": "burn_in", "track_id": track_id})
    await user.job_when(job["id"], {"running"})
    cancelled = await user.call("POST", f"/api/jobs/{job['id']}/cancel")
    assert cancelled["status"] == "cancelled"
    assert await user.balance() == before
    listed = await user.call("GET", "/api/videos")
    assert [one["id"] for one in listed["items"]] == [video["id"]]
