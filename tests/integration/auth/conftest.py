"""The real auth service, in memory, on a real Postgres with its own role and schema."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from auth_service.service import build
from auth_service.settings import AuthSettings
from deploy.postgres.embedded import EmbeddedPostgres
from shared.clock import SystemClock
from shared.db.database import Database
from shared.http.in_process import InProcessTransport
from shared.messaging.in_process import InProcessBroker
from shared.runtime.service import Service
from shared.security.service_tokens import ServiceTokens
from shared.settings import load
from tests.support.clock import MovableClock

SECRET = "a secret for tests that is long enough"
PASSWORD = "Correct7Horse"


@dataclass(frozen=True, slots=True)
class Auth:
    """One process of the auth service, and what a test needs to look at it."""

    http: httpx.AsyncClient
    clock: MovableClock
    database: Database
    service: Service
    broker: InProcessBroker

    async def register(self, **changes: str) -> dict[str, Any]:
        """A new user: e-mail address, handle and password as they were sent, and the id."""
        unique = uuid4().hex[:12]
        wanted = {
            "email": f"mina-{unique}@example.com",
            "user_handle": f"mina-{unique}",
            "password": PASSWORD,
        } | changes
        response = await self.http.post("/api/auth/register", json=wanted)
        assert response.status_code == 201, response.text
        return {**wanted, "id": response.json()["user"]["id"]}

    async def log_in(self, login: str, password: str = PASSWORD) -> dict[str, Any]:
        """A new session: the answer of the service."""
        form = {"username": login, "password": password}
        response = await self.http.post("/api/auth/login", data=form)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def session(self) -> dict[str, Any]:
        """A session of a new user."""
        user = await self.register()
        return await self.log_in(user["email"])

    async def refresh(self, refresh_token: str) -> httpx.Response:
        """Use a refresh token."""
        return await self.http.post("/api/auth/refresh", json={"refresh_token": refresh_token})

    async def me(self, access_token: str) -> httpx.Response:
        """Use an access token."""
        return await self.http.get("/api/auth/me", headers=bearer(access_token))

    async def announced(self, event_type: str, subject: str) -> list[str]:
        """The waiting events of that type about that subject, as JSON."""
        found = await self.database.all(
            text(
                "SELECT envelope FROM outbox WHERE envelope::json->>'type' = :type"
                " AND envelope::json->>'subject' = :subject"
            ),
            {"type": event_type, "subject": subject},
        )
        return [row.envelope for row in found]


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


def service_bearer(clock: MovableClock, *, callee: str = "auth") -> dict[str, str]:
    """The header of a call by the service `jobs`."""
    return bearer(ServiceTokens(SECRET, "jobs", clock).for_service(callee))


StartAuth = Callable[..., AbstractAsyncContextManager[Auth]]


@pytest.fixture
def start_auth(
    postgres: EmbeddedPostgres, auth_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> StartAuth:
    """Starts one more process of the service, with other settings where they are given."""

    @asynccontextmanager
    async def start(**changed: object) -> AsyncIterator[Auth]:
        usual: dict[str, object] = {
            "secret_key": SECRET,
            "database_url": postgres.url("auth"),
            "database_pool_size": 10,
            "amqp_url": "amqp://unused",
            "storage_url": tmp_path_factory.mktemp("storage").as_uri(),
        }
        settings = load(AuthSettings, **{**usual, **changed})
        clock, broker = MovableClock(SystemClock().now()), InProcessBroker()
        service = build(settings, broker, peers={}, clock=clock)
        transport = InProcessTransport(service.app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://auth") as http:
                for step in service.before_start:
                    await step()
                yield Auth(http, clock, auth_database, service, broker)
        finally:
            for step in service.close:
                await step()

    return start


@pytest.fixture
async def auth(start_auth: StartAuth) -> AsyncIterator[Auth]:
    """A started service with a clock that stands still."""
    async with start_auth() as started:
        yield started
