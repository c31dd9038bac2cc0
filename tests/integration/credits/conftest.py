"""Credits and payments on the jobs schema of a real PostgreSQL, with a Stripe on this machine."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits import building as credit
from jobs_service.credits.domain import Balance
from jobs_service.credits.granting import USUAL_PRIORITY, NewGrant, grant_credits
from jobs_service.credits.repository import Credits
from jobs_service.feature import Base, JobsFeature
from jobs_service.jobs.domain import Job
from jobs_service.payments import building as payments
from jobs_service.people import building as people
from jobs_service.settings import JobsSettings
from jobs_service.work.use_cases import ClaimJob, FailJob
from shared.clock import SystemClock
from shared.db.database import Database
from shared.http.application import build_app
from shared.ids import uuid7
from shared.runtime.service import Component
from shared.security.principal import Principal, UserId
from tests.integration.content.world import TrustingAuthenticator
from tests.integration.jobs.conftest import Setting
from tests.support.jobs import finish, submitting
from tests.support.stripe_server import (
    KEY,
    WEBHOOK_SECRET,
    Object,
    StripeServer,
    signed,
    stripe_server,
)
from tests.support.tracks import TRACK

PACKAGES = [
    {"id": "small", "credits": 100, "price": 500, "currency": "eur"},
    {"id": "month", "credits": 100, "price": 300, "currency": "eur", "days": 30},
]
WITH_STRIPE: dict[str, Any] = {
    "stripe_secret_key": KEY,
    "stripe_webhook_secret": WEBHOOK_SECRET,
    "purchase_success_url": "https://app.example/paid?from=shop",
    "purchase_cancel_url": "https://app.example/credits",
}


class Authenticator(TrustingAuthenticator):
    """The token `admin:…` is that of an administrator."""

    async def user(self, token: str) -> Principal:
        found = await super().user(token)
        scopes = ("admin:credits:write",) if token.startswith("admin:") else found.scopes
        return msgspec.structs.replace(found, scopes=scopes)


@pytest.fixture(scope="session")
async def _stripe() -> AsyncIterator[StripeServer]:
    async with stripe_server() as server:
        yield server


@pytest.fixture
def stripe(_stripe: StripeServer) -> StripeServer:
    _stripe.reset()
    return _stripe


@pytest.fixture
async def database(jobs_database: Database) -> AsyncIterator[Database]:
    yield jobs_database
    assert await Credits(jobs_database).unbalanced() == [], "accounts differ from their entries"


@dataclass
class Shop:
    """A service that sells credits, and who asks it."""

    database: Database
    setting: Setting
    base: Base
    features: tuple[JobsFeature, ...]
    http: httpx.AsyncClient

    async def call(
        self, who: UUID | str, method: str, path: str, wanted: int = 200, **more: Any
    ) -> Any:
        """The JSON of an answer with the status `wanted`."""
        headers = {"authorization": f"Bearer {who}", **more.pop("headers", {})}
        answer = await self.http.request(method, path, headers=headers, **more)
        assert answer.status_code == wanted, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def buy(
        self, user: UserId, package: str = "small", wanted: int = 201, key: str | None = None
    ) -> Any:
        """A new purchase."""
        headers = {"idempotency-key": key} if key else {}
        asked = {"package": package}
        path = "/api/credits/purchases"
        return await self.call(user, "POST", path, wanted, json=asked, headers=headers)

    async def hears(self, *told: Object, wanted: int = 200) -> None:
        """Stripe tells, one after the other."""
        for one in told:
            body, headers = signed(one)
            answer = await self.http.post("/api/payments/stripe", content=body, headers=headers)
            assert answer.status_code == wanted, answer.text

    async def purchase(self, user: UserId, purchase_id: str) -> Any:
        """A purchase as its owner sees it."""
        return await self.call(user, "GET", f"/api/credits/purchases/{purchase_id}")

    async def balance(self, user: UserId) -> Balance:
        """What the user has."""
        return await Credits(self.database).balance(user)

    def component(self, name: str) -> Component:
        """One of those that a service starts."""
        known = (one for feature in self.features for one in feature.components)
        return next(one for one in known if one.name == name)

    async def give(
        self, user: UserId, amount: int, days: float | None = None, priority: int = USUAL_PRIORITY
    ) -> UUID:
        """Credits that end after so many days, or never."""
        ends = None if days is None else SystemClock().now() + timedelta(days=days)
        async with self.database.transaction() as tx:
            grant = NewGrant(amount, "test", ends, priority)
            await grant_credits(tx, user, id_ := uuid7(), grant)
        return id_

    async def let_end(self, *grants: UUID) -> None:
        """Let the time of these grants be over."""
        await self.database.run(
            text("UPDATE grants SET expires_at = now() - interval '1 second' WHERE id = ANY(:ids)"),
            {"ids": list(grants)},
        )

    async def remaining(self) -> dict[UUID, int]:
        """What is left of each grant that ends."""
        rows = await self.database.all(text("SELECT id, remaining FROM grants"))
        return {row.id: row.remaining for row in rows}

    async def kinds(self, user: UserId) -> list[str]:
        """The kinds of all movements, oldest first."""
        found = await Credits(self.database).entries_of(user, 500, None)
        return [one.kind for one in reversed(found)]

    async def submit(self, user: UserId, price: int) -> Job:
        """A job that holds this many credits."""
        video = await self.setting.video(user, seconds=60 * price)
        return await submitting(self.database)(user, CaptionsRequest(video_id=video.id), None)

    async def claimed(self) -> Job:
        """The next job, as its worker has it."""
        job = await ClaimJob(self.database, "worker", 60, 1000)()
        assert job is not None
        return job

    async def succeed(self) -> None:
        """The next job succeeds."""
        await finish(self.database, await self.claimed(), TRACK)

    async def fail(self) -> None:
        """The next job fails."""
        await FailJob(self.database)(await self.claimed(), "broken", "It broke.")


@asynccontextmanager
async def opened(database: Database, **given: Any) -> AsyncIterator[Shop]:
    """A service with these settings."""
    common: dict[str, Any] = {
        "secret_key": "k" * 40,
        "database_url": "postgresql+asyncpg://not/used",
        "amqp_url": "in-process:",
        "credit_packages": json.dumps(PACKAGES),
    }
    base = Base(JobsSettings(**{**common, **given}), database, SystemClock())
    features = credit.build(base), payments.build(base), people.build(base)
    app = build_app(
        "jobs",
        endpoints=[group for one in features for group in one.endpoints],
        authenticate=Authenticator(),
        checks={},
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://jobs") as http:
        yield Shop(database, Setting(database), base, features, http)
    for one in features:
        for close in one.close:
            await close()
    await base.texts.aclose()


@asynccontextmanager
async def running(*components: Component) -> AsyncIterator[None]:
    """What a service does beside answering, for as long as a test looks; a crash fails the test."""
    tasks = [asyncio.ensure_future(one.run(lambda: None)) for one in components]
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        for one in tasks:
            one.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture
async def shop(database: Database, stripe: StripeServer) -> AsyncIterator[Shop]:
    """A service that sells by Stripe."""
    async with opened(database, **WITH_STRIPE, stripe_api_base=stripe.url) as found:
        yield found


@pytest.fixture
async def bazaar(database: Database) -> AsyncIterator[Shop]:
    """A service that sells without a provider."""
    async with opened(database) as found:
        yield found


@pytest.fixture
async def user(shop: Shop) -> UserId:
    """A user with 10 credits."""
    return await shop.setting.user(10)


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Shop]:
    """A service that sells six credits at a time, without a provider."""
    lasting = {"id": "lasting", "credits": 6, "price": 60, "currency": "eur"}
    packages = json.dumps([lasting, {**lasting, "id": "ending", "days": 5}])
    async with opened(database, credit_packages=packages) as found:
        yield found
