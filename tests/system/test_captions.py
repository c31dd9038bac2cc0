"""Captions as somebody uses them: made, mended, compared, taken along; over both topologies."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.caption_guide import Broken, violations
from tests.support.caption_programs import by_srt, by_webvtt
from tests.support.front_end import FrontEnd

SRT = "1\r\n00:00:01,000 --> 00:00:02,500\r\n안녕하세요\r\n"
RULES = ("lines", "line_length", "characters_per_second", "shortest_duration", "longest_duration",
         "gap", "overlap", "orphans", "annotations")  # fmt: skip


async def captioned(user: FrontEnd) -> tuple[str, dict[str, Any]]:
    """A job, and the track that it has made."""
    video = await user.upload()
    job = await user.finished((await user.submit(video["id"]))["id"])
    path = f"/api/captions/{job['result']['track_id']}"
    return job["id"], await user.call("GET", path)


def reported(quality: dict[str, Any]) -> dict[str, int]:
    """The rules that are broken, and how often."""
    return {rule: times for rule in RULES if (times := quality[rule]["violations"])}


def found(broken: Broken) -> dict[str, int]:
    return {rule: len(cues) for rule, cues in broken.items()}


async def test_a_cue_is_mended_and_the_file_has_it(user: FrontEnd) -> None:
    before = await user.balance()
    job, track = await captioned(user)
    assert (await user.balance())["balance"] < before["balance"]
    paid = await user.balance()
    path = f"/api/captions/{track['id']}"
    file = await user.http.get(f"{path}/file.vtt")
    assert found(violations(by_webvtt(file.content), "en", "adult")) == reported(track["quality"])

    mended = await user.http.patch(
        f"{path}/cues/1",
        json={"text": "This was mended\nby a person."},
        headers={"if-match": file.headers["etag"]},
    )
    assert (mended.status_code, mended.headers["etag"]) == (200, '"2"'), mended.text
    cue = mended.json()["cues"][0]
    srt = await user.http.get(f"{path}/file.srt")
    assert srt.headers["content-type"].startswith("application/x-subrip")
    assert by_srt(srt.content)[0] == (
        round(cue["start"] * 1000),
        round(cue["end"] * 1000),
        ["This was mended", "by a person."],
    )
    newest = await user.http.get(f"{path}/file.vtt")
    assert found(violations(by_webvtt(newest.content), "en", "adult")) == reported(
        mended.json()["quality"]
    )

    late = await user.call("PUT", path, 409, json={"cues": track["cues"], "version": 1})
    assert late["current_version"] == 2
    versions = (await user.call("GET", f"{path}/versions"))["items"]
    assert [(one["version"], one["change"]) for one in versions] == [(2, "edited"), (1, "made")]
    (change,) = (await user.call("GET", f"{path}/diff"))["items"]
    assert (change["change"], change["after"]["text"]) == ("changed", cue["text"])
    back = await user.call("POST", f"{path}/restore", json={"restore": 1, "version": 2})
    assert (back["version"], back["cues"]) == (3, track["cues"])
    made = (await user.http.get(f"/api/jobs/{job}/captions.srt")).content
    assert made == (await user.http.get(f"{path}/file.srt")).content
    assert await user.balance() == paid, "edits cost something"


async def test_a_file_is_imported_in_an_old_encoding_and_taken_along_in_every_format(
    user: FrontEnd,
) -> None:
    video = await user.upload()
    asked: dict[str, Any] = {
        "params": {"video_id": video["id"], "language": "ko"},
        "files": {"file": ("old.srt", SRT.encode("cp949"))},
        "headers": {"idempotency-key": str(uuid4())},
    }
    made = await user.call("POST", "/api/captions/import", 201, **asked)
    assert await user.call("POST", "/api/captions/import", 201, **asked) == made
    assert (made["encoding"], made["track"]["cues"][0]["text"]) == ("cp949", "안녕하세요")
    path = f"/api/captions/{made['track']['id']}"
    for extension in ("vtt", "srt", "ttml", "json", "txt"):
        assert "안녕하세요" in (await user.http.get(f"{path}/file.{extension}")).content.decode()
    await user.call("DELETE", f"/api/videos/{video['id']}", 204)
    listed = await user.call("GET", "/api/captions", params={"video_id": video["id"]})
    assert [one["id"] for one in listed["items"]] == [made["track"]["id"]]
    await user.call("DELETE", path, 204)
    gone = await user.call("GET", path, 404)
    assert gone["code"] == "track_not_found"


@pytest.mark.parametrize(
    ("content", "field"), [(b"", "file"), (b"1\n00:00:03,000 --> 00:00:02,000\nso\n", None)]
)
async def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    user: FrontEnd, content: bytes, field: str | None
) -> None:
    params = {"video_id": str(uuid4()), "language": "en"}
    refused = await user.call(
        "POST", "/api/captions/import", 422, params=params, files={"file": ("a.srt", content)}
    )
    if field:
        assert refused["errors"][0]["field"] == field
    else:
        assert refused["detail"].startswith("Line 2: the end of this cue must be after")
