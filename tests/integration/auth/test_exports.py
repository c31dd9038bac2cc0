"""Exports: what is in the archive, who gets it, and whatever can go wrong while it is made."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from auth_service.audit.domain import Action
from auth_service.exports.domain import ATTEMPTS, LEASE, PAUSES
from auth_service.exports.maker import ExportMaker
from auth_service.exports.own_data import OwnData
from auth_service.exports.peers import Peer
from auth_service.exports.repository import Exports
from auth_service.exports.use_cases import ExpireExports
from auth_service.mail.use_cases import WriteLetter
from auth_service.privacy.use_cases import EraseUser
from auth_service.removals.repository import Removals
from auth_service.removals.use_cases import RemoveFiles
from auth_service.sessions.use_cases import EndSessions
from shared.http.in_process import InProcessTransport
from shared.security.box import Box
from shared.security.principal import UserId
from shared.storage.scratch import Scratch
from shared.storage.storage import Storage
from tests.integration.auth.conftest import Auth, StartAuth, bearer

DAY = 24 * 3600
VIDEO = bytes(range(256)) * 8192
FILE_PATH = "/internal/videos/7/content"


@dataclass
class OtherService:
    """A service that knows something: one record with a file, and one of another kind."""

    status: int = 200
    file_status: int = 200
    breaks_off: bool = False
    asked: list[str] = field(default_factory=list)
    before_file: Callable[[], Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.asked.append(path)
        if path == FILE_PATH:
            if self.before_file is not None:
                await self.before_file()
            await self._answer(send, self.file_status, [VIDEO])
        else:
            lines = [
                {
                    "kind": "videos",
                    "record": {"id": 7, "title": "Courtyard"},
                    "file": {"path": FILE_PATH, "name": "../../7.mp4"},
                },
                {"kind": "videos", "record": {"id": 8, "title": "Rooftop"}},
                {"kind": "notes", "record": {"text": "known"}},
            ]
            await self._answer(
                send, self.status, [msgspec.json.encode(one) + b"\n" for one in lines]
            )

    async def _answer(self, send: Send, status: int, chunks: Sequence[bytes]) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if self.breaks_off:
                raise ConnectionResetError
        await send({"type": "http.response.body", "body": b""})


@dataclass
class World:
    """The auth service, and makers of exports that a test sets to work."""

    auth: Auth
    storage: Storage
    other: OtherService
    work_dir: Path

    def maker(self) -> ExportMaker:
        """One more process that makes exports."""
        client = httpx.AsyncClient(
            transport=InProcessTransport(self.other), base_url="http://content"
        )
        return ExportMaker(
            self.auth.database,
            self.storage,
            Scratch("export", self.work_dir),
            (OwnData(self.auth.database, self.storage), Peer("content", client)),
            WriteLetter(Box("a secret for letters", "mails"), self.auth.clock, lambda: None),
            self.auth.clock,
        )

    async def ask(self, user: dict[str, Any]) -> httpx.Response:
        return await self.auth.http.post("/api/users/exports", headers=bearer(user["access_token"]))

    async def read(self, user: dict[str, Any], export_id: str) -> dict[str, Any]:
        answer = await self.auth.http.get(
            f"/api/users/exports/{export_id}", headers=bearer(user["access_token"])
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def download(
        self, user: dict[str, Any], export_id: str, **headers: str
    ) -> httpx.Response:
        return await self.auth.http.get(
            f"/api/users/exports/{export_id}/archive",
            headers=bearer(user["access_token"]) | headers,
        )

    async def keys(self) -> list[str]:
        return [one.key async for one in self.storage.list("exports")]

    async def expire_and_remove(self) -> None:
        await ExpireExports(self.auth.database, self.auth.clock)()
        await RemoveFiles(self.auth.database, self.storage, self.auth.clock)()


@pytest.fixture
async def auth(start_auth: StartAuth, tmp_path: Path) -> AsyncIterator[Auth]:
    """The service, with a storage at which the test can look."""
    async with start_auth(storage_url=(tmp_path / "files").as_uri()) as started:
        yield started


@pytest.fixture
def world(auth: Auth, tmp_path: Path) -> World:
    """The service with its storage, and another one that knows something."""
    storage = Storage.open((tmp_path / "files").as_uri())
    return World(auth, storage, OtherService(), tmp_path / "work")


@pytest.fixture
async def user(auth: Auth, world: World) -> dict[str, Any]:
    """Somebody who has just logged in."""
    world.work_dir.mkdir()
    registered = await auth.register()
    return {**registered, **(await auth.log_in(registered["email"]))}


async def test_the_archive_holds_everything_that_is_known(
    world: World, user: dict[str, Any]
) -> None:
    asked = await world.ask(user)
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    assert await world.maker().make_next()
    export = await world.read(user, asked.json()["id"])
    assert export["state"] == "ready"
    answer = await world.download(user, export["id"])
    assert answer.headers["content-type"] == "application/zip"
    assert len(answer.content) == export["size_bytes"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = msgspec.json.decode(files.pop("manifest.json"))
    assert {one["path"]: one["sha256"] for one in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert manifest["missing"] == []
    account = msgspec.json.decode(files["account/account.json"])
    assert account[0]["email"] == user["email"]
    assert [one["action"] for one in msgspec.json.decode(files["account/audit.json"])] == [
        "account.registered", "session.started", "export.asked",
    ]  # fmt: skip
    assert msgspec.json.decode(files["content/videos.json"])[1]["title"] == "Rooftop"
    assert msgspec.json.decode(files["content/notes.json"]) == [{"text": "known"}]
    assert files["content/videos/_.._7.mp4"] == VIDEO
    assert b"manifest.json" in files["README.txt"]
    assert list(world.work_dir.iterdir()) == []


async def test_no_secret_and_no_hash_is_in_the_archive(world: World, user: dict[str, Any]) -> None:
    export = (await world.ask(user)).json()
    await world.maker().make_next()
    answer = await world.download(user, export["id"])
    rows = await world.auth.database.all(text("SELECT password_hash FROM users"))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        said = b"".join(archive.read(name) for name in archive.namelist())
    assert user["email"].encode() in said
    for secret in (rows[0].password_hash, user["password"], user["refresh_token"], "argon2"):
        assert secret.encode() not in said


async def test_a_part_of_the_archive_can_be_fetched(world: World, user: dict[str, Any]) -> None:
    export = (await world.ask(user)).json()
    await world.maker().make_next()
    whole = (await world.download(user, export["id"])).content
    part = await world.download(user, export["id"], range="bytes=100-199")
    assert (part.status_code, part.content) == (206, whole[100:200])


async def test_a_letter_tells_that_it_is_ready_and_the_audit_log_who_fetched_it(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    await world.maker().make_next()
    await world.download(user, export["id"])
    mails = await world.auth.database.all(text("SELECT template FROM mails ORDER BY id"))
    assert mails[-1].template == "export_ready"
    actions = await world.auth.database.all(text("SELECT action FROM audit ORDER BY id"))
    assert [row.action for row in actions][-2:] == [Action.EXPORT_ASKED, Action.EXPORT_DOWNLOADED]


async def test_one_is_made_at_a_time_and_three_a_day(world: World, user: dict[str, Any]) -> None:
    for _ in range(3):
        assert (await world.ask(user)).status_code == 202
        under_way = await world.ask(user)
        assert (under_way.status_code, under_way.json()["code"]) == (409, "export_under_way")
        await world.maker().make_next()
    refused = await world.ask(user)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_exports")
    assert refused.headers["retry-after"] == str(DAY)
    items = (
        await world.auth.http.get("/api/users/exports", headers=bearer(user["access_token"]))
    ).json()["items"]
    assert [one["state"] for one in items] == ["ready"] * 3


async def test_another_user_finds_no_such_export(world: World, user: dict[str, Any]) -> None:
    export = (await world.ask(user)).json()
    await world.maker().make_next()
    other = await world.auth.session()
    for path in ("", "/archive"):
        answer = await world.auth.http.get(
            f"/api/users/exports/{export['id']}{path}", headers=bearer(other["access_token"])
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "export_not_found")


async def test_an_archive_that_is_being_made_cannot_be_fetched(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    answer = await world.download(user, export["id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "export_not_ready")


async def test_an_archive_is_gone_after_a_week_file_and_all(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    await world.maker().make_next()
    world.auth.clock.advance(7 * DAY - 1)
    await world.expire_and_remove()
    assert len(await world.keys()) == 1
    world.auth.clock.advance(1)
    await world.expire_and_remove()
    assert await world.keys() == []
    again = {**user, **(await world.auth.log_in(user["email"]))}
    assert (await world.read(again, export["id"]))["state"] == "expired"
    answer = await world.download(again, export["id"])
    assert (answer.status_code, answer.json()["code"]) == (410, "export_gone")


async def test_an_old_session_has_to_prove_itself_first(world: World, user: dict[str, Any]) -> None:
    world.auth.clock.advance(11 * 60)
    answer = await world.ask(user)
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")


async def test_a_service_that_is_away_is_asked_again_and_in_the_end_given_up(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    maker = world.maker()
    world.other.status = 503
    for pause in PAUSES:
        assert await maker.make_next()
        assert not await maker.make_next()  # not before the pause is over
        assert (await world.read(user, export["id"]))["state"] == "queued"
        world.auth.clock.advance(pause.total_seconds())
        user |= await world.auth.log_in(user["email"])
    assert await maker.make_next()
    failed = await world.read(user, export["id"])
    assert (failed["state"], failed["reason"]) == ("failed", "content_unavailable")
    assert (await world.download(user, export["id"])).status_code == 410
    assert await world.keys() == []
    assert (await world.ask(user)).status_code == 202


async def test_a_service_that_comes_back_is_enough(world: World, user: dict[str, Any]) -> None:
    export = (await world.ask(user)).json()
    maker = world.maker()
    world.other.breaks_off = True
    assert await maker.make_next()
    world.other.breaks_off = False
    world.auth.clock.advance(PAUSES[0].total_seconds())
    assert await maker.make_next()
    assert (await world.read(user, export["id"]))["state"] == "ready"


async def test_a_file_that_is_gone_meanwhile_is_told_as_missing(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    world.other.file_status = 410
    await world.maker().make_next()
    answer = await world.download(user, export["id"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        manifest = msgspec.json.decode(archive.read("manifest.json"))
    assert manifest["missing"][0]["path"] == "content/videos/_.._7.mp4"


async def test_two_processes_never_make_one_export_twice(
    world: World, user: dict[str, Any]
) -> None:
    await world.ask(user)
    made = await asyncio.gather(*(world.maker().make_next() for _ in range(3)))
    assert sorted(made) == [False, False, True]
    assert world.other.asked.count(FILE_PATH) == 1


async def test_what_a_killed_process_had_in_hand_is_made_by_another(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    now = world.auth.clock.now()
    lost = await Exports(world.auth.database).claim(now, now + LEASE)
    assert lost is not None
    # it died between storing its archive and telling so
    async with world.storage.writer(lost.key) as writer:
        await writer.write(b"half a thought")
    await Removals(world.auth.database).note([lost.key], now + LEASE)
    assert not await world.maker().make_next()
    world.auth.clock.advance(LEASE.total_seconds())
    assert await world.maker().make_next()
    await world.expire_and_remove()
    assert (await world.read(user, export["id"]))["state"] == "ready"
    assert await world.keys() == [f"exports/{export['id']}-2"]


async def test_an_export_that_kills_its_makers_is_given_up(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    for _ in range(ATTEMPTS):
        now = world.auth.clock.now()
        assert await Exports(world.auth.database).claim(now, now + LEASE)
        world.auth.clock.advance(LEASE.total_seconds())
    assert await world.maker().make_next()
    user |= await world.auth.log_in(user["email"])
    assert (await world.read(user, export["id"]))["reason"] == "too_many_attempts"


async def test_a_process_that_is_stopped_leaves_its_export_to_others_at_once(
    world: World, user: dict[str, Any]
) -> None:
    export = (await world.ask(user)).json()
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    world.other.before_file = hang
    making = asyncio.create_task(world.maker().make_next())
    await begun.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert list(world.work_dir.iterdir()) == []
    world.other.before_file = None
    assert await world.maker().make_next()
    assert (await world.read(user, export["id"]))["state"] == "ready"


async def test_who_is_erased_while_their_export_is_made_leaves_no_file(
    world: World, user: dict[str, Any]
) -> None:
    await world.ask(user)

    async def erase() -> None:
        async with world.auth.database.transaction() as tx:
            await EraseUser(EndSessions(world.auth.clock), world.auth.clock)(
                tx, UserId(UUID(user["id"]))
            )

    world.other.before_file = erase
    assert await world.maker().make_next()
    assert await world.keys() == []


async def test_the_archives_of_the_erased_are_removed(world: World, user: dict[str, Any]) -> None:
    await world.ask(user)
    await world.maker().make_next()
    assert len(await world.keys()) == 1
    async with world.auth.database.transaction() as tx:
        await EraseUser(EndSessions(world.auth.clock), world.auth.clock)(
            tx, UserId(UUID(user["id"]))
        )
    await world.expire_and_remove()
    assert await world.keys() == []
    assert await world.auth.database.all(text("SELECT * FROM removals")) == []
