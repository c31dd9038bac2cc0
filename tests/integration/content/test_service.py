"""The service as it is composed: its own process's parts, real tokens, a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import uuid4

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from content_service.service import build
from content_service.settings import ContentSettings
from content_service.tables import videos
from deploy.postgres.embedded import EmbeddedPostgres
from shared.clock import SystemClock
from shared.db.database import Database, Transaction
from shared.messaging.in_process import InProcessBroker
from shared.messaging.inbox import Inbox
from shared.runtime.http_server import HttpServer, bind, url_of
from shared.security.jwks import Jwks, to_jwk
from shared.security.keys import SigningKey
from shared.security.principal import Principal, SessionId, UserId
from shared.security.revocations import RevocationList
from shared.security.service_tokens import ServiceAuth, ServiceTokens
from shared.security.tokens import TokenIssuer
from shared.settings import BadSettings, load
from tests.integration.content.world import FORM_HEAD, upload
from tests.support.messaging import Runs, eventually, running

SECRET = "a secret of the whole installation, long enough"
KEY = SigningKey.generate()


class SeenVideo(msgspec.Struct, frozen=True):
    """What a subscriber reads of `content.video.ready`."""

    video_id: str


@dataclass(frozen=True, slots=True)
class Running:
    """A service that listens, and what its subscriber heard."""

    url: str
    heard: list[str]

    def client(self) -> httpx.AsyncClient:
        principal = Principal(UserId(uuid4()), SessionId(uuid4()))
        token = TokenIssuer(KEY, SystemClock()).issue(principal)
        headers = {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers)


def auth_service() -> httpx.AsyncClient:
    """Publishes the key, and knows of no revoked session."""
    answers = {
        "/.well-known/jwks.json": Jwks((to_jwk(KEY.verification),)),
        "/internal/revocations": RevocationList(()),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=msgspec.json.encode(answers[request.url.path]))

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://auth")


@pytest.fixture
async def service(
    postgres: EmbeddedPostgres, content_database: Database, tmp_path: Path
) -> AsyncIterator[Running]:
    """The whole service on a port of its own."""
    heard: list[str] = []

    async def hear(_: Transaction, event: SeenVideo) -> None:
        heard.append(event.video_id)

    settings = load(
        ContentSettings,
        secret_key=SECRET,
        database_url=postgres.url("content"),
        database_pool_size=8,
        amqp_url="in-process:",
        storage_url=(tmp_path / "files").as_uri(),
    )
    broker = InProcessBroker()
    broker.subscribe(
        Inbox(content_database).subscription("t.ready", "content.video.ready", SeenVideo, hear)
    )
    built = build(settings, broker, auth=auth_service())
    for check in built.before_start:
        await check()
    components = cast("tuple[Runs, ...]", built.components)
    async with running(broker, *components), _listening(built.app) as url:
        yield Running(url, heard)
    for close in built.close:
        await close()


@asynccontextmanager
async def _listening(app: object) -> AsyncIterator[str]:
    with bind("127.0.0.1", 0) as bound:
        started = asyncio.Event()
        server = HttpServer(app, 5, started.set)  # type: ignore[arg-type]
        serving = asyncio.ensure_future(server.serve([bound]))
        await started.wait()
        yield url_of(bound)
        server.should_exit = True
        await serving


async def test_a_video_goes_from_upload_to_ready_and_is_heard_of(
    service: Running, good: Path
) -> None:
    async with service.client() as client:
        video_id = (await upload(client, good))["id"]

        async def is_ready() -> bool:
            view = (await client.get(f"/api/videos/{video_id}")).json()
            return bool(view["state"] == "ready")

        await eventually(is_ready, 10)
        await eventually(lambda: service.heard == [video_id], 10)
        tokens = ServiceTokens(SECRET, "jobs", SystemClock())
        source = await client.get(
            f"/internal/videos/{video_id}/content", auth=ServiceAuth(tokens, "content")
        )
        assert len(source.content) == good.stat().st_size  # noqa: ASYNC240


async def test_a_user_token_opens_no_internal_path(service: Running) -> None:
    async with service.client() as client:
        answer = await client.get(f"/internal/videos/{uuid4()}/content")
        assert answer.status_code == 401


async def test_the_service_is_ready_with_database_broker_and_storage(service: Running) -> None:
    async with service.client() as client:
        report = (await client.get("/health/ready")).json()
    assert report["status"] == "healthy"
    assert set(report["checks"]) == {"database", "broker", "storage"}


async def test_a_connection_that_breaks_in_mid_upload_leaves_nothing(
    service: Running, content_database: Database, tmp_path: Path
) -> None:
    async def rows() -> int:
        row = await content_database.one(select(func.count()).select_from(videos))
        return int(row[0]) if row else 0

    client = service.client()
    host, port = service.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/videos HTTP/1.1\r\nHost: content\r\nContent-Length: 100000000\r\n"
        b"Content-Type: multipart/form-data; boundary=courtyard\r\nAuthorization: "
        + client.headers["authorization"].encode()
        + b"\r\n\r\n"
        + FORM_HEAD
        + b"\0\0\0\x18ftypmp42"
    )
    writer.write(b"x" * 20_000_000)
    await writer.drain()

    async def is_receiving() -> bool:
        return await rows() == 1

    async def is_gone() -> bool:
        return await rows() == 0

    await eventually(is_receiving, 10)
    writer.transport.abort()
    await eventually(is_gone, 10)
    left = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert left == []
    await client.aclose()


def test_a_wrong_storage_url_is_named_at_start() -> None:
    with pytest.raises(BadSettings, match=r"STORAGE_URL: .*file:///absolute/directory"):
        load(
            ContentSettings,
            secret_key=SECRET,
            database_url="postgresql+asyncpg://x",
            amqp_url="amqp://x",
            storage_url="./files",
        )
