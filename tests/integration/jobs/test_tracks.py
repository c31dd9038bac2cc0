"""Caption tracks over HTTP: versions, conflicts, differences, files and imports."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from jobs_service.captions.cues import MAX_CUES
from jobs_service.captions.domain import Cue
from jobs_service.captions.formats import FORMATS
from jobs_service.captions.importing import read_captions
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.guests.use_cases import AdoptGuest
from jobs_service.jobs.use_cases import CancelJobsOfVideo, FindJob
from jobs_service.people.endpoints import PeopleEndpoints
from jobs_service.people.use_cases import EraseOwner
from jobs_service.tracks.adding import ImportTrack
from jobs_service.tracks.editing import EditTrack
from jobs_service.tracks.endpoints import JobCaptionEndpoints, TrackEndpoints
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.use_cases import DeleteTrack, FindTrack, FindTrackOfJob
from jobs_service.videos.domain import KnownVideo
from jobs_service.videos.repository import Videos
from jobs_service.videos.use_cases import FindVideo
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import ClaimJob, FinishJob
from shared.db.database import Database
from shared.http.application import build_app
from shared.http.paging import Cursors
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.content.world import TrustingAuthenticator
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import finish, submitting
from tests.support.traces import traces
from tests.support.tracks import TRACK

KEPT = 3
MOST = 5
SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:03,000 --> 00:00:04,500\nyou there\n"


class Site:
    """The captions of the jobs service, and users of them."""

    def __init__(self, database: Database, setting: Setting) -> None:
        self.database, self.setting = database, setting
        find = FindTrack(database)
        self.app = build_app(
            "jobs",
            endpoints=[
                TrackEndpoints(
                    Cursors(b"a secret of thirty-two characters"),
                    find,
                    EditTrack(database, KEPT),
                    ImportTrack(database, FindVideo(database, patience=0), MOST),
                    DeleteTrack(database),
                ),
                JobCaptionEndpoints(FindTrackOfJob(database, FindJob(database)), find),
                PeopleEndpoints(database),
            ],
            authenticate=TrustingAuthenticator(),
            checks={},
        )

    def client(self, token: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://jobs",
            headers={"authorization": f"Bearer {token}"},
        )

    async def captioned(self, owner: UserId) -> UUID:
        """A job that has succeeded."""
        video = await self.setting.video(owner)
        job = await submitting(self.database)(owner, CaptionsRequest(video_id=video.id), None)
        claimed = await ClaimJob(self.database, "worker", 15, 2)()
        assert claimed is not None
        await finish(self.database, claimed, TRACK)
        return job.id


@pytest.fixture
def site(database: Database, setting: Setting) -> Site:
    return Site(database, setting)


@pytest.fixture
async def owner(setting: Setting) -> UserId:
    return await setting.user()


@pytest.fixture
async def mina(site: Site, owner: UserId) -> AsyncIterator[httpx.AsyncClient]:
    async with site.client(owner) as client:
        yield client


async def imported(
    site: Site, owner: UserId, client: httpx.AsyncClient, file: str | bytes = SRT, **asked: str
) -> dict[str, Any]:
    video = await site.setting.video(owner, has_audio=False)
    params = {"video_id": str(video.id), "language": "en", **asked}
    answer = await client.post("/api/captions/import", params=params, content=file)
    assert answer.status_code == 201, answer.text
    track: dict[str, Any] = answer.json()["track"]
    return track


async def edited(
    client: httpx.AsyncClient, track: str, version: int, *texts: str
) -> httpx.Response:
    cues = [{"start": at, "end": at + 0.9, "text": text} for at, text in enumerate(texts)]
    return await client.put(f"/api/captions/{track}", json={"cues": cues, "version": version})


async def test_a_job_makes_a_track_and_keeps_what_it_made(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    job = await site.captioned(owner)
    (track,) = (await mina.get("/api/captions")).json()["items"]
    assert (track["job_id"], track["origin"], track["version"]) == (str(job), "recognised", 1)
    before = await mina.get(f"/api/jobs/{job}/captions.srt")
    assert (await edited(mina, track["id"], 1, "Mended")).status_code == 200
    assert (await mina.get(f"/api/jobs/{job}/captions.srt")).content == before.content
    newest = await mina.get(f"/api/captions/{track['id']}/file.srt")
    assert "Mended" in newest.text
    file = (await mina.get(f"/api/captions/{track['id']}/file.json")).json()
    assert (file["cues"][0]["lines"], len(file["words"])) == (
        ["Mended"],
        len(TRACK.transcript.words),
    )


async def test_the_job_says_when_its_track_was_deleted(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    job = await site.captioned(owner)
    (track,) = (await mina.get("/api/captions")).json()["items"]
    assert (await mina.delete(f"/api/captions/{track['id']}")).status_code == 204
    assert (await mina.delete(f"/api/captions/{track['id']}")).status_code == 404
    answer = await mina.get(f"/api/jobs/{job}/captions.vtt")
    assert (answer.status_code, answer.json()["code"]) == (410, "captions_deleted")


async def test_fixing_one_cue_makes_a_version_and_a_report(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = await imported(site, owner, mina)
    answer = await mina.patch(
        f"/api/captions/{track['id']}/cues/2", json={"text": "you\nthere!", "version": 1}
    )
    fixed = answer.json()
    assert (fixed["version"], fixed["cues"][1]["text"]) == (2, "you\nthere!")
    assert fixed["cues"][0] == track["cues"][0]
    assert fixed["quality"]["lines"]["worst"] == 2
    assert (await mina.get(f"/api/captions/{track['id']}")).json() == fixed
    listed = (await mina.get("/api/captions")).json()["items"][0]
    assert listed == {name: value for name, value in fixed.items() if name != "cues"}


async def test_moving_a_cue_puts_it_in_its_place(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = await imported(site, owner, mina)
    answer = await mina.patch(
        f"/api/captions/{track['id']}/cues/1", json={"start": 9, "end": 10, "version": 1}
    )
    assert [cue["text"] for cue in answer.json()["cues"]] == ["you there", "Hello"]


async def test_a_save_that_changes_nothing_makes_no_version(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = await imported(site, owner, mina)
    answer = await mina.put(
        f"/api/captions/{track['id']}", json={"cues": track["cues"], "version": 1}
    )
    assert (answer.status_code, answer.json()) == (200, track)


async def test_of_two_who_edit_the_same_version_one_is_told(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    assert (await edited(mina, track, 1, "one")).json()["version"] == 2
    late = await edited(mina, track, 1, "other")
    assert (late.status_code, late.json()["code"]) == (409, "track_changed")
    assert late.json()["current_version"] == 2
    path, fix = f"/api/captions/{track}/cues/1", {"text": "other"}
    late = await mina.patch(path, json=fix, headers={"if-match": '"1"'})
    assert (late.status_code, late.headers["etag"]) == (412, '"2"')
    assert (await mina.patch(path, json=fix, headers={"if-match": '"2"'})).json()["version"] == 3
    without = await mina.patch(path, json=fix)
    assert without.status_code == 422
    assert without.json()["errors"][0]["field"] == "version"


async def test_whoever_repeats_a_change_whose_answer_was_lost_gets_it_again(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", "", {"cues": [{"start": 1, "end": 2, "text": "new"}]}),
        ("PATCH", "/cues/1", {"text": "mended", "start": 0.5}),
        ("POST", "/restore", {"restore": 1}),
    ]
    for version, (method, path, change) in enumerate(changes, 1):
        body = {**change, "version": version}
        first = await mina.request(method, f"/api/captions/{track}{path}", json=body)
        again = await mina.request(method, f"/api/captions/{track}{path}", json=body)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.json()["version"] == version + 1
    by_tag = await mina.patch(
        f"/api/captions/{track}/cues/1", json={"text": "so"}, headers={"if-match": '"4"'}
    )
    again = await mina.patch(
        f"/api/captions/{track}/cues/1", json={"text": "so"}, headers={"if-match": '"4"'}
    )
    assert (again.status_code, again.json()) == (200, by_tag.json())


async def test_of_changes_that_are_made_at_once_one_is_saved(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    answers = await asyncio.gather(*(edited(mina, track, 1, f"take {one}") for one in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409, 409]
    (saved,) = [one.json() for one in answers if one.status_code == 200]
    assert (await mina.get(f"/api/captions/{track}")).json() == saved
    versions = (await mina.get(f"/api/captions/{track}/versions")).json()["items"]
    assert [one["version"] for one in versions] == [2, 1]


async def test_every_answer_says_its_version_as_an_etag(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    path = f"/api/captions/{track}"
    read = await mina.get(path)
    assert read.headers["etag"] == '"1"'
    fixed = await mina.patch(
        f"{path}/cues/1", json={"text": "so"}, headers={"if-match": read.headers["etag"]}
    )
    assert (fixed.status_code, fixed.headers["etag"]) == (200, '"2"')
    assert (await mina.get(f"{path}/file.vtt")).headers["etag"] == '"2"'


async def test_a_track_of_as_many_cues_as_there_may_be_is_imported_saved_and_compared(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    said = ("Every room does one thing only,", "and it does that one thing well.")
    cues = tuple(Cue(at * 3 + 0.5, at * 3 + 2.5, said) for at in range(MAX_CUES))
    file = FORMATS["ttml"].write(msgspec.structs.replace(TRACK, cues=cues))
    track = await imported(site, owner, mina, file)
    assert len(track["cues"]) == MAX_CUES
    new = [{**cue, "text": "x" + cue["text"]} for cue in track["cues"]]
    saved = await mina.put(f"/api/captions/{track['id']}", json={"cues": new, "version": 1})
    assert saved.status_code == 200, saved.text[:500]
    changes = (await mina.get(f"/api/captions/{track['id']}/diff", params={"limit": 1})).json()
    assert changes["items"][0]["words"][0] == {"change": "removed", "text": "Every"}
    more = [*new, {"start": 99_000, "end": 99_001, "text": "one more"}]
    refused = await mina.put(f"/api/captions/{track['id']}", json={"cues": more, "version": 2})
    (fault,) = refused.json()["errors"]
    assert (fault["field"], "10000 cues at most" in fault["message"]) == ("cues", True)


async def test_nobody_imports_more_tracks_than_they_may_have(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    video = await site.setting.video(owner)
    params = {"video_id": str(video.id), "language": "en"}
    answers = await asyncio.gather(
        *(mina.post("/api/captions/import", params=params, content=SRT) for _ in range(MOST + 2))
    )
    assert sorted(one.status_code for one in answers) == [201] * MOST + [409] * 2
    refused = next(one.json() for one in answers if one.status_code == 409)
    assert refused["code"] == "too_many_tracks"
    tracks = (await mina.get("/api/captions")).json()["items"]
    assert len(tracks) == MOST
    await site.captioned(owner)  # what was paid for is kept all the same
    for track in tracks[:2]:
        await mina.delete(f"/api/captions/{track['id']}")
    again = await mina.post("/api/captions/import", params=params, content=SRT)
    assert again.status_code == 201


async def test_tracks_stay_when_their_video_goes(
    site: Site, owner: UserId, mina: httpx.AsyncClient, database: Database
) -> None:
    job = await site.captioned(owner)
    (track,) = (await mina.get("/api/captions")).json()["items"]
    gone = KnownVideo(UUID(track["video_id"]), owner, 0, False, False, 2)
    async with database.transaction() as tx:
        await Videos(tx).save(gone)
        await CancelJobsOfVideo()(tx, gone.id)
    assert (await edited(mina, track["id"], 1, "Still here")).status_code == 200
    assert (await mina.get(f"/api/captions/{track['id']}/file.srt")).status_code == 200
    assert (await mina.get(f"/api/jobs/{job}/captions.srt")).status_code == 200


async def test_a_job_without_captions_says_why(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    video = await site.setting.video(owner)
    job = await submitting(site.database)(owner, CaptionsRequest(video_id=video.id), None)
    answer = await mina.get(f"/api/jobs/{job.id}/captions.vtt")
    assert (answer.status_code, answer.json()["code"]) == (409, "captions_not_ready")
    assert "queued" in answer.json()["detail"]
    claimed = await ClaimJob(site.database, "worker", 15, 2)()
    assert claimed is not None
    await FinishJob(site.database)(claimed, Result())
    other_kind = await mina.get(f"/api/jobs/{job.id}/captions.vtt")
    assert "make no captions" in other_kind.json()["detail"]
    missing = await mina.get(f"/api/jobs/{uuid7()}/captions.vtt")
    assert (missing.status_code, missing.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(
    ("cue", "field"),
    [
        ({"start": 2, "end": 2, "text": "so"}, "cues[1].end"),
        ({"start": 2, "end": 1.5, "text": "so"}, "cues[1].end"),
        ({"start": 2, "end": 2.0004, "text": "so"}, "cues[1].end"),
        ({"start": -1, "end": 1, "text": "so"}, "cues[1].start"),
        ({"start": 2, "end": 3, "text": " \u200d\n"}, "cues[1].text"),
        ({"start": 2, "end": 3, "text": "so " * 400}, "cues[1].text"),
        ({"start": 2, "end": 4e9, "text": "so"}, "cues[1].end"),
    ],
)
async def test_a_wrong_cue_is_named(
    site: Site, owner: UserId, mina: httpx.AsyncClient, cue: dict[str, Any], field: str
) -> None:
    track = (await imported(site, owner, mina))["id"]
    cues = [{"start": 0, "end": 1, "text": "fine"}, cue]
    answer = await mina.put(f"/api/captions/{track}", json={"cues": cues, "version": 1})
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_a_cue_that_is_not_there_is_not_found(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    for number in (0, 3, 10**12):
        answer = await mina.patch(
            f"/api/captions/{track}/cues/{number}", json={"text": "so", "version": 1}
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "cue_not_found")


async def test_the_first_and_the_newest_versions_are_kept(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    for version in range(1, 6):
        assert (await edited(mina, track, version, f"take {version}")).status_code == 200
    path = f"/api/captions/{track}/versions"
    kept = [one["version"] for one in (await mina.get(path)).json()["items"]]
    assert kept == [6, 5, 4, 1]
    assert (await mina.get(f"{path}/5")).json()["cues"][0]["text"] == "take 4"
    for gone in (2, 7, 0, 10**12):
        answer = await mina.get(f"{path}/{gone}")
        assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")


async def test_an_earlier_version_can_be_the_newest_again(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = await imported(site, owner, mina)
    await edited(mina, track["id"], 1, "worse")
    path = f"/api/captions/{track['id']}"
    back = await mina.post(f"{path}/restore", json={"restore": 1, "version": 2})
    assert (back.json()["version"], back.json()["cues"]) == (3, track["cues"])
    newest = (await mina.get(f"{path}/versions")).json()["items"][0]
    assert (newest["change"], newest["restored_from"]) == ("restored", 1)
    await edited(mina, track["id"], 3, "other")
    late = await mina.post(f"{path}/restore", json={"restore": 1, "version": 2})
    assert late.status_code == 409
    missing = await mina.post(f"{path}/restore", json={"restore": 9, "version": 4})
    assert (missing.status_code, missing.json()["code"]) == (404, "version_not_found")


async def test_two_versions_are_compared_word_by_word_and_page_by_page(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    cues = [
        {"start": 1, "end": 2.5, "text": "Hello"},
        {"start": 3, "end": 4.5, "text": "you over there"},
        {"start": 6, "end": 7, "text": "Bye"},
    ]
    await mina.put(f"/api/captions/{track}", json={"cues": cues, "version": 1})
    path = f"/api/captions/{track}/diff"
    changes = (await mina.get(path)).json()
    assert (changes["before"], changes["after"]) == (1, 2)
    changed, added = changes["items"]
    assert "".join(word["text"] for word in changed["words"] if word["change"] != "removed") == (
        "you over there"
    )
    assert (added["change"], added["after"]["number"]) == ("added", 3)
    page = (await mina.get(path, params={"from": "1", "to": "2", "limit": "1"})).json()
    rest = await mina.get(path, params={"limit": "1", "cursor": page["next_cursor"]})
    assert [*page["items"], *rest.json()["items"]] == changes["items"]
    assert rest.json()["next_cursor"] is None
    assert (await mina.get(path, params={"from": "2", "to": "2"})).json()["items"] == []


async def test_files_of_any_version_say_what_it_says(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    track = (await imported(site, owner, mina))["id"]
    await edited(mina, track, 1, "<i>New & better</i> --> so")
    for extension in ("vtt", "srt", "ttml"):
        path = f"/api/captions/{track}/file.{extension}"
        newest, first = await mina.get(path), await mina.get(path, params={"version": 1})
        assert read_captions(newest.content, "en").cues[0].text == "<i>New & better</i> --> so"
        assert read_captions(first.content, "en").cues[0].text == "Hello"
        known = await mina.get(path, headers={"if-none-match": newest.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
    assert (await mina.get(f"/api/captions/{track}/file.txt")).text.startswith("<i>New")
    missing = await mina.get(f"/api/captions/{track}/file.vtt", params={"version": 9})
    assert missing.status_code == 404


async def test_an_old_korean_file_is_imported_as_a_form_or_as_it_is(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    video = await site.setting.video(owner, has_audio=False)
    file = "1\r\n00:00:01,000 --> 00:00:02,000\r\n안녕하세요\r\n".encode("cp949")
    params = {"video_id": str(video.id), "language": "ko", "audience": "sdh"}
    answer = await mina.post(
        "/api/captions/import", params=params, files={"file": ("ko.srt", file)}
    )
    assert (answer.status_code, answer.json()["encoding"]) == (201, "cp949")
    track = answer.json()["track"]
    assert (track["cues"][0]["text"], track["quality"]["rules"]) == ("안녕하세요", "ko-sdh")
    assert (track["origin"], track["language"], track["job_id"]) == ("imported", "ko", None)
    listed = await mina.get("/api/captions", params={"video_id": str(video.id), "language": "ko"})
    assert [one["id"] for one in listed.json()["items"]] == [track["id"]]
    none = await mina.get("/api/captions", params={"video_id": str(video.id), "language": "en"})
    assert none.json()["items"] == []


async def test_an_import_that_is_repeated_makes_one_track(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    video = await site.setting.video(owner)
    asked: dict[str, Any] = {
        "params": {"video_id": str(video.id), "language": "en"},
        "headers": {"idempotency-key": "once"},
    }
    first = await mina.post("/api/captions/import", content=SRT, **asked)
    again = await mina.post("/api/captions/import", content=SRT, **asked)
    assert first.json() == again.json()
    other = await mina.post("/api/captions/import", content=SRT.upper(), **asked)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await mina.get("/api/captions")).json()["items"]) == 1


async def test_an_import_that_cannot_be_read_leaves_nothing(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    video = await site.setting.video(owner)
    params = {"video_id": str(video.id), "language": "en"}
    for body, status in ((b"", 422), (b"hello", 422), (b" " * 4_300_000, 413)):
        answer = await mina.post("/api/captions/import", params=params, content=body)
        assert answer.status_code == status, answer.text
    form = await mina.post("/api/captions/import", params=params, files={"other": ("a", b"b")})
    assert form.json()["errors"][0]["field"] == "file"
    broken = await mina.post(
        "/api/captions/import",
        params=params,
        content=b"no form",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "form_broken")
    unread = await mina.post(
        "/api/captions/import",
        params=params,
        content=b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--x--\r\n',
        headers={"content-type": "multipart/form-data; boundary=x; charset=undefined"},
    )
    assert (unread.status_code, unread.json()["code"]) == (400, "form_broken")
    params["language"] = "not a tag"
    wrong = await mina.post("/api/captions/import", params=params, content=SRT)
    assert wrong.json()["errors"][0]["field"] == "language"
    assert (await mina.get("/api/captions")).json()["items"] == []


async def test_cues_after_the_end_of_the_video_are_counted(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    video = await site.setting.video(owner, seconds=2)
    answer = await mina.post(
        "/api/captions/import",
        params={"video_id": str(video.id), "language": "en"},
        content=SRT + "\n3\n00:00:05,000 --> 00:00:06,000\n\n",
    )
    assert (answer.json()["late_cues"], answer.json()["empty_cues"]) == (1, 1)


async def test_nobody_sees_or_changes_the_tracks_of_others(
    site: Site, owner: UserId, mina: httpx.AsyncClient, setting: Setting
) -> None:
    track = (await imported(site, owner, mina))["id"]
    async with site.client(await setting.user()) as jun:
        path = f"/api/captions/{track}"
        answers = [
            await jun.get(path),
            await jun.get(f"{path}/versions"),
            await jun.get(f"{path}/versions/1"),
            await jun.get(f"{path}/diff"),
            await jun.get(f"{path}/file.vtt"),
            await edited(jun, track, 1, "mine"),
            await jun.patch(f"{path}/cues/1", json={"text": "mine", "version": 1}),
            await jun.post(f"{path}/restore", json={"restore": 1, "version": 1}),
            await jun.delete(path),
        ]
        assert [(one.status_code, one.json()["code"]) for one in answers] == [
            (404, "track_not_found")
        ] * len(answers)
        assert (await jun.get("/api/captions")).json()["items"] == []
        video = (await mina.get(path)).json()["video_id"]
        params = {"video_id": video, "language": "en"}
        stolen = await jun.post("/api/captions/import", params=params, content=SRT)
        assert (stolen.status_code, stolen.json()["code"]) == (404, "video_not_found")
    assert (await mina.get(path)).json()["version"] == 1


async def test_tracks_move_with_a_guest_and_go_with_their_owner(
    site: Site, owner: UserId, mina: httpx.AsyncClient, database: Database, setting: Setting
) -> None:
    await site.captioned(owner)
    track = (await imported(site, owner, mina))["id"]
    await edited(mina, track, 1, "mine")
    user = await setting.user()
    async with database.transaction() as tx:
        await AdoptGuest()(tx, owner, user)
    assert len(await Tracks(database).list_of(user, 9, None, {})) == 2
    # who was a guest still has their token for some minutes
    assert (await edited(mina, track, 2, "still mine")).status_code == 200
    back = await mina.post(f"/api/captions/{track}/restore", json={"restore": 1, "version": 3})
    assert back.status_code == 200
    async with site.client("auth") as auth:
        exported = await auth.get(f"/internal/people/{user}/data")
    assert exported.status_code == 200
    assert exported.text.count('"kind":"captions",') == 2
    assert "still mine" in exported.text
    assert "captions_before" in exported.text
    async with database.transaction() as tx:
        await EraseOwner()(tx, user)
    left = await traces(database, str(user), track)
    assert left.keys() - {"outbox"} == set()


async def test_pages_of_tracks_follow_each_other(
    site: Site, owner: UserId, mina: httpx.AsyncClient
) -> None:
    made = [(await imported(site, owner, mina))["id"] for _ in range(3)]
    page = (await mina.get("/api/captions", params={"limit": 2})).json()
    rest = await mina.get("/api/captions", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [one["id"] for one in [*page["items"], *rest.json()["items"]]] == made[::-1]
    unknown = await mina.get(f"/api/captions/{uuid7()}")
    assert unknown.status_code == 404
