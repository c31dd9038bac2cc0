"""The store and the table are made to agree, and nothing that is needed is touched."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from starlette.types import Message

from content_service.reconciling import use_cases
from content_service.reconciling.domain import FEW, GRACE, Report
from content_service.reconciling.repository import Reports
from content_service.reconciling.use_cases import Reconcile
from content_service.tables import videos
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.storage.storage import S3Access, Storage
from tests.integration.content.world import (
    FORM_HEAD,
    FORM_TAIL,
    World,
    as_messages,
    data_of,
    post_raw,
    upload,
)
from tests.support.s3 import BUCKET

OLD = GRACE + timedelta(minutes=1)
STATES = ["receiving", "stored", "probing", "ready", "rejected", "expired", "deleted"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A store and a table, filled by hand; the clock shows the real time, as that of files does."""

    world: World

    @classmethod
    def of(cls, world: World) -> "Shelf":
        world.clock.advance((SystemClock().now() - world.clock.now()).total_seconds())
        return cls(world)

    async def put(self, key: str, content: bytes = b"x", age: timedelta = OLD) -> str:
        """An object that was last changed so long ago (in a directory; S3 cannot be told)."""
        async with self.world.storage.writer(key) as writer:
            await writer.write(content)
        if path := self.world.storage.local_path(key):
            moment = (self.world.clock.now() - age).timestamp()
            os.utime(path, (moment, moment))
        return key

    async def row(self, state: str, *, size: int = 1, has_file: bool = True) -> UUID:
        """A video in this state."""
        video_id, now = uuid7(), self.world.clock.now()
        values: dict[str, Any] = {
            "id": video_id, "owner_id": uuid7(), "title": "", "filename": "a.mp4",
            "content_type": "video/mp4", "size_bytes": size, "sha256": "", "state": state,
            "has_file": has_file, "attempts": 0, "revision": 3, "lease_until": now,
            "created_at": now, "expires_at": now + timedelta(days=7),
        }  # fmt: skip
        await self.world.database.run(insert(videos), values)
        return video_id

    async def reconcile(self, **how: bool) -> Report:
        """One pass."""
        world = self.world
        return await Reconcile(world.database, world.storage, world.clock)(**how)


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf.of(world)


@pytest.fixture(params=["local", "s3"])
async def any_shelf(request: pytest.FixtureRequest, content_database: Database) -> Shelf:
    """On each store; S3's objects are as old as the clock is ahead."""
    if request.param == "local":
        folder = request.getfixturevalue("tmp_path") / "files"
        return Shelf.of(World.build(content_database, Storage.open(folder.as_uri())))
    access: S3Access = request.getfixturevalue("s3")
    shelf = Shelf.of(World.build(content_database, Storage.open(f"s3://{BUCKET}/a", access)))
    shelf.world.clock.advance(OLD.total_seconds())
    return shelf


async def test_what_agrees_is_left_alone(any_shelf: Shelf) -> None:
    ready, arriving = await any_shelf.row("ready"), await any_shelf.row("receiving")
    keys = {f"videos/{ready}", f"posters/{ready}", f"incoming/{arriving}", f"videos/{arriving}"}
    keys.add(f"incoming/{await any_shelf.row('receiving')}/{uuid7()}")
    for key in keys:
        await any_shelf.put(key)
    report = await any_shelf.reconcile()
    assert report.outcome == "agrees"
    assert (report.findings.objects.count, report.findings.videos.count) == (5, 1)
    assert await any_shelf.world.keys() == keys


async def test_objects_of_nobody_are_removed(any_shelf: Shelf) -> None:
    ready, arriving = await any_shelf.row("ready"), await any_shelf.row("receiving")
    gone = await any_shelf.row("expired", has_file=False)
    kept = {await any_shelf.put(f"videos/{ready}"), await any_shelf.put(f"incoming/{arriving}")}
    nobodys = {
        await any_shelf.put(key, b"four")
        for key in (
            f"videos/{uuid7()}",
            f"videos/{gone}",
            f"incoming/{ready}",  # what a copying move has left
            f"incoming/{gone}/{uuid7()}",
            f"posters/{uuid7()}",
            f"posters/{ready}/more",
            "videos/notes.txt",
        )
    }
    report = await any_shelf.reconcile()
    assert (report.outcome, report.doubt) == ("repaired", None)
    assert report.removed.count == len(nobodys)
    assert report.removed.bytes == 4 * len(nobodys)
    assert set(report.removed.examples) == nobodys
    assert await any_shelf.world.keys() == kept


async def test_a_file_that_is_not_there_makes_its_video_rejected(any_shelf: Shelf) -> None:
    there, lost = await any_shelf.row("ready"), await any_shelf.row("ready")
    await any_shelf.put(f"videos/{there}")
    report = await any_shelf.reconcile()
    assert report.findings.lost.examples == report.marked.examples == [f"videos/{lost}"]
    row = next(one for one in await any_shelf.world.rows() if one["id"] == lost)
    assert (row["state"], row["reason_code"], row["revision"]) == ("rejected", "file_lost", 4)
    (event,) = await any_shelf.world.events()
    assert event.type == "content.video.lost"
    assert data_of(event) == {
        "video_id": str(lost), "owner_id": str(row["owner_id"]), "revision": 4,
    }  # fmt: skip
    assert (await any_shelf.reconcile()).outcome == "agrees"


async def test_a_file_of_another_size_is_told_and_left(any_shelf: Shelf) -> None:
    video_id = await any_shelf.row("ready", size=100)
    await any_shelf.put(f"videos/{video_id}", b"half")
    report = await any_shelf.reconcile()
    assert report.findings.resized.examples == [f"videos/{video_id}"]
    assert (await any_shelf.world.rows())[0]["state"] == "ready"
    assert await any_shelf.world.keys() == {f"videos/{video_id}"}


async def test_an_owner_sees_why_their_video_is_rejected(
    shelf: Shelf, client: httpx.AsyncClient, good: Path
) -> None:
    video_id = (await upload(client, good))["id"]
    assert await shelf.world.prober.probe_next()
    await shelf.world.storage.delete(f"videos/{video_id}")
    await shelf.reconcile()
    view = (await client.get(f"/api/videos/{video_id}")).json()
    assert (view["state"], view["reason"]["code"]) == ("rejected", "file_lost")
    assert "send it again" in view["reason"]["text"]


async def test_what_is_younger_than_the_grace_is_left(shelf: Shelf) -> None:
    young = await shelf.put(f"incoming/{uuid7()}", age=GRACE - timedelta(minutes=1))
    await shelf.put(f"incoming/{uuid7()}", age=GRACE + timedelta(minutes=1))
    await shelf.reconcile()
    assert await shelf.world.keys() == {young}


async def test_what_others_keep_in_the_same_store_is_never_touched(shelf: Shelf) -> None:
    others = {
        await shelf.put(key)
        for key in ("avatars/a.webp", f"exports/{uuid7()}", f"videos-old/{uuid7()}", f"{uuid7()}")
    }
    report = await shelf.reconcile(even_if_most=True)
    assert report.findings.objects.count == 0
    assert await shelf.world.keys() == others


async def test_what_the_sweeper_is_to_remove_is_left_to_it(shelf: Shelf) -> None:
    keys = {
        await shelf.put(f"videos/{await shelf.row(state)}")
        for state in ("rejected", "expired", "deleted")
    }
    assert (await shelf.reconcile()).outcome == "agrees"
    assert await shelf.world.keys() == keys


async def test_a_dry_run_tells_and_changes_nothing(shelf: Shelf) -> None:
    lost, orphan = await shelf.row("ready"), await shelf.put(f"videos/{uuid7()}")
    report = await shelf.reconcile(dry_run=True)
    assert (report.outcome, report.findings.unclaimed.examples) == ("differs", [orphan])
    assert report.findings.lost.examples == [f"videos/{lost}"]
    assert (report.removed.count, report.marked.count) == (0, 0)
    assert await shelf.world.keys() == {orphan}
    assert (await shelf.world.rows())[0]["state"] == "ready"


async def test_a_store_that_is_mostly_nobodys_is_left_until_somebody_says_so(
    shelf: Shelf,
) -> None:
    for _ in range(FEW + 1):
        await shelf.put(f"videos/{uuid7()}")
    report = await shelf.reconcile()
    assert report.outcome == "refused"
    assert "another database" in (report.doubt or "")
    assert len(await shelf.world.keys()) == FEW + 1
    assert (await shelf.reconcile(even_if_most=True)).removed.count == FEW + 1


async def test_an_empty_store_loses_no_video(shelf: Shelf) -> None:
    """As a directory that is not mounted looks."""
    for _ in range(FEW + 1):
        await shelf.row("ready")
    orphan = await shelf.put(f"videos/{uuid7()}")
    report = await shelf.reconcile()
    assert report.outcome == "refused"
    assert "mounted" in (report.doubt or "")
    assert {row["state"] for row in await shelf.world.rows()} == {"ready"}
    assert await shelf.world.keys() == {orphan}


class Meanwhile(Reconcile):
    """Something happens between the survey and the repair."""

    async def _mark(self, findings: Any) -> Any:
        await self.database.run(
            text("UPDATE videos SET revision = revision + 1, state = 'expired'")
        )
        return await super()._mark(findings)


async def test_a_video_that_has_ended_meanwhile_is_not_lost(shelf: Shelf) -> None:
    await shelf.row("ready")
    world = shelf.world
    report = await Meanwhile(world.database, world.storage, world.clock)()
    assert (report.findings.lost.count, report.marked.count) == (1, 0)
    assert await world.events() == []


async def test_a_file_that_is_there_after_all_is_not_lost(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a store that lists late, and yet finds, looks."""
    video_id = await shelf.row("ready")
    await shelf.put(f"videos/{video_id}")

    async def lists_nothing(*_: object) -> dict[str, int]:
        return {}

    monkeypatch.setattr(Storage, "sizes", lists_nothing)
    report = await shelf.reconcile()
    assert (report.findings.lost.count, report.marked.count) == (1, 0)
    assert (await shelf.world.rows())[0]["state"] == "ready"


async def test_an_upload_that_goes_on_during_a_pass_is_not_disturbed(
    shelf: Shelf, user: UUID
) -> None:
    chunks = [FORM_HEAD + b"\0\0\0\x18ftypmp42", b"x" * 200_000, FORM_TAIL]

    async def messages() -> AsyncIterator[Message]:
        for message in as_messages(chunks):
            yield message
            assert (await shelf.reconcile(even_if_most=True)).outcome == "agrees"
        yield {"type": "http.request", "body": b"", "more_body": False}

    sent = await post_raw(shelf.world.app, user, messages())
    assert sent[0]["status"] == 201


async def test_reports_are_kept_for_a_while(shelf: Shelf) -> None:
    first = await shelf.reconcile()
    reports = Reports(shelf.world.database)
    shelf.world.clock.advance(timedelta(days=60).total_seconds())
    second = await shelf.reconcile(dry_run=True)
    assert await reports.last(5) == [second, first]
    shelf.world.clock.advance(timedelta(days=60).total_seconds())
    third = await shelf.reconcile()
    assert await reports.last(5) == [third, second]


async def test_more_than_one_page_is_gone_through(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_cases, "PAGE", 2)
    kept = {await shelf.put(f"videos/{await shelf.row('ready')}") for _ in range(5)}
    for _ in range(3):
        await shelf.put(f"videos/{uuid7()}")
    assert (await shelf.reconcile()).removed.count == 3
    assert await shelf.world.keys() == kept


things = st.lists(
    st.tuples(
        st.sampled_from([None, *STATES]),  # the row, if there is one
        st.booleans(),  # has_file
        st.sets(st.sampled_from(["incoming", "videos", "posters", "avatars"])),  # its objects
        st.booleans(),  # old enough
    ),
    max_size=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(things=things)
async def test_whatever_there_is_the_claimed_stays_and_the_old_unclaimed_goes(
    shelf: Shelf, things: list[tuple[str | None, bool, set[str], bool]]
) -> None:
    await shelf.world.database.run(text("DELETE FROM videos"))
    for key in await shelf.world.keys():
        await shelf.world.storage.delete(key)
    stays, lost = set(), set()
    for state, has_file, prefixes, old in things:
        video_id = uuid7() if state is None else await shelf.row(state, has_file=has_file)
        for prefix in prefixes:
            key = await shelf.put(f"{prefix}/{video_id}", age=OLD if old else timedelta(0))
            if not old or prefix == "avatars" or is_needed(state, has_file, prefix):
                stays.add(key)
        if state == "ready" and "videos" not in prefixes:
            lost.add(str(video_id))
    report = await shelf.reconcile(even_if_most=True)
    assert await shelf.world.keys() == stays
    rejected = {
        str(row["id"]) for row in await shelf.world.rows() if row["reason_code"] == "file_lost"
    }
    assert rejected == lost
    assert report.marked.count == len(lost)
    again = await shelf.reconcile()
    assert again.outcome == "agrees"


def is_needed(state: str | None, has_file: bool, prefix: str) -> bool:
    """The rule, written down a second time."""
    match state:
        case None:
            return False
        case "receiving":
            return prefix != "posters"
        case "stored" | "probing" | "ready":
            return prefix != "incoming"
        case _:
            return has_file
