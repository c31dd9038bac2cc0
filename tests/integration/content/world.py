"""The content service with everything that tests look at or move by hand."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import select, text
from starlette.types import ASGIApp, Message

from content_service.copies.endpoints import InternalCopyEndpoints
from content_service.copies.use_cases import KeepCopy
from content_service.links.domain import LinkSigner
from content_service.links.endpoints import LinkEndpoints, MediaEndpoints
from content_service.links.use_cases import MakeLink, OpenLink
from content_service.tables import metadata, videos
from content_service.uploads.digests import Digests
from content_service.uploads.endpoints import UploadEndpoints
from content_service.uploads.finish import FinishDue, FinishUpload, RemoveUpload
from content_service.uploads.holds import Holds
from content_service.uploads.receive import ReceivePart
from content_service.uploads.use_cases import CreateUpload, FindUpload, TerminateUpload
from content_service.videos.admission import Admission
from content_service.videos.endpoints import InternalVideoEndpoints, VideoEndpoints
from content_service.videos.expiry import ExpireVideos
from content_service.videos.limits import BUILT_IN, Limits, Plans
from content_service.videos.prober import Prober
from content_service.videos.reception import Reception
from content_service.videos.sweeper import Sweeper
from content_service.videos.upload import UploadVideo
from content_service.videos.use_cases import (
    DeleteVideo,
    FindVideo,
    OpenPoster,
    OpenVideo,
    RemoveFile,
)
from shared.db.database import Database
from shared.http.application import build_app
from shared.http.paging import Cursors
from shared.ids import uuid7
from shared.messaging.event import Envelope, decode
from shared.security.principal import CallingService, Principal, SessionId, UserId
from shared.storage.presigning import Presigner
from shared.storage.storage import Storage
from tests.support.clock import MovableClock

MAX_BYTES = 400 * 1024 * 1024
MAX_SECONDS = 30.0
GUEST_BYTES = 100_000
PLANS = {
    "guest": msgspec.structs.replace(
        BUILT_IN["guest"], max_bytes=GUEST_BYTES, max_seconds=MAX_SECONDS, videos=2
    ),
    "free": msgspec.structs.replace(BUILT_IN["free"], max_seconds=MAX_SECONDS),
    "pro": BUILT_IN["pro"],
}
UPLOAD_LIFETIME = timedelta(hours=24)
RETENTION = BUILT_IN["free"].retention


class TrustingAuthenticator:
    """The token is the user's id, or the service's name: identity is tested elsewhere.

    A guest's begins with `guest:`, that of a user with the plan `pro` with its name.
    """

    async def user(self, token: str) -> Principal:
        kind, _, user = token.rpartition(":")
        scopes = ("plan:pro",) if kind == "pro" else ()
        return Principal(UserId(UUID(user)), SessionId(uuid7()), (), scopes, kind == "guest")

    async def service(self, token: str) -> CallingService:
        return CallingService(token)


@dataclass(frozen=True, slots=True)
class World:
    """One content service on a real database and a real store."""

    database: Database
    storage: Storage
    clock: MovableClock
    prober: Prober
    sweeper: Sweeper
    app: ASGIApp
    stored: asyncio.Event
    woken: list[str]
    finish_due: FinishDue

    @classmethod
    def build(
        cls,
        database: Database,
        storage: Storage,
        max_bytes: int = MAX_BYTES,
        plans: Plans | None = None,
        presigner: Presigner | None = None,
    ) -> "World":
        clock = MovableClock()
        remove_file = RemoveFile(database, storage)
        stored = asyncio.Event()
        limits = Limits(plans or PLANS, max_bytes)
        prober = Prober(database, storage, clock, remove_file, limits, stored)
        woken: list[str] = []
        reception = Reception(
            database, storage, clock, remove_file, Admission(limits), lambda: woken.append("prober")
        )
        digests, holds = Digests(), Holds(database, clock)
        remove = RemoveUpload(reception, digests)
        finish = FinishUpload(reception, digests, remove)
        find = FindUpload(database, clock, holds)
        open_video = OpenVideo(database, storage)
        signer = LinkSigner(b"a key of thirty-two bytes at least")
        app = build_app(
            "content",
            endpoints=[
                VideoEndpoints(
                    database,
                    Cursors(b"a secret of thirty-two characters"),
                    UploadVideo(reception),
                    FindVideo(database),
                    open_video,
                    DeleteVideo(database, clock, remove_file),
                    OpenPoster(database, storage),
                    limits,
                ),
                InternalVideoEndpoints(open_video),
                InternalCopyEndpoints(KeepCopy(reception, open_video)),
                UploadEndpoints(
                    max_bytes,
                    CreateUpload(reception, UPLOAD_LIFETIME),
                    ReceivePart(reception, holds, digests, finish, UPLOAD_LIFETIME),
                    find,
                    TerminateUpload(find, holds, remove),
                ),
                LinkEndpoints(MakeLink(open_video, signer, clock)),
                MediaEndpoints(
                    OpenLink(open_video, signer, clock, presigner), OpenPoster(database, storage)
                ),
            ],
            authenticate=TrustingAuthenticator(),
            checks={},
        )
        sweeper = Sweeper(database, clock, remove_file)
        finish_due = FinishDue(holds, finish)
        return cls(database, storage, clock, prober, sweeper, app, stored, woken, finish_due)

    def client(self, token: object) -> httpx.AsyncClient:
        """A client of the user, or the service, that `token` names."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://content",
            headers={"authorization": f"Bearer {token}"},
        )

    async def expire(self) -> None:
        """Expire what is due, and remove its files."""
        await ExpireVideos(self.database, self.clock, lambda: None)()
        await self.sweeper.sweep()

    async def keys(self) -> set[str]:
        """Every object in the store."""
        return {found.key async for found in self.storage.list()}

    def files(self) -> list[Path]:
        """Every file of a local store, staged ones too."""
        root = self.storage.local_path("")
        assert root is not None
        return [Path(folder, name) for folder, _, names in os.walk(root) for name in names]

    async def rows(self) -> list[MutableMapping[str, Any]]:
        """Every row of videos, hidden ones too, oldest first."""
        found = await self.database.all(select(videos).order_by(videos.c.id))
        return [dict(row._mapping) for row in found]

    async def events(self) -> list[Envelope]:
        """What waits in the outbox, in order."""
        outbox = metadata.tables["outbox"]
        rows = await self.database.all(select(outbox.c.envelope).order_by(outbox.c.id))
        return [decode(row.envelope.encode()) for row in rows]

    async def event_types(self) -> list[str]:
        """The types of `events`."""
        return [event.type for event in await self.events()]

    async def set_state(self, video_id: str, state: str) -> None:
        """Put a video into a state by force."""
        statement = text("UPDATE videos SET state = :state WHERE id = :id")
        await self.database.run(statement, {"state": state, "id": UUID(video_id)})


def data_of(event: Envelope) -> dict[str, Any]:
    """The data of an event, as its subscribers decode it."""
    found: dict[str, Any] = msgspec.json.decode(event.data)
    return found


async def upload(
    client: httpx.AsyncClient, content: bytes | Path, title: str | None = None
) -> dict[str, Any]:
    """Upload a video; its view."""
    name, body = ("a.mp4", content) if isinstance(content, bytes) else _read(content)
    answer = await client.post(
        "/api/videos", files={"file": (name, body)}, data={"title": title} if title else None
    )
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


def _read(path: Path) -> tuple[str, bytes]:
    return path.name, path.read_bytes()


async def post_raw(app: ASGIApp, user: UUID, messages: AsyncIterator[Message]) -> list[Message]:
    """Send an upload message by message, as a server does; what the app sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return await anext(messages)

    headers = {
        "authorization": f"Bearer {user}",
        "content-type": "multipart/form-data; boundary=courtyard",
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/videos",
        "raw_path": b"/api/videos",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    return sent


FORM_HEAD = b'--courtyard\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
FORM_TAIL = b"\r\n--courtyard--\r\n"


def as_messages(chunks: Iterable[bytes]) -> Iterable[Message]:
    """Chunks as the messages of a request that is not over yet."""
    for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": True}
