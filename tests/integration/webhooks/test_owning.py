"""Webhooks as their owners make, change and follow them, over the service's own HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook as Verifier

from jobs_service.feature import Base
from jobs_service.people.endpoints import PeopleEndpoints
from jobs_service.people.use_cases import EraseOwner
from jobs_service.settings import JobsSettings
from jobs_service.webhooks import building
from jobs_service.webhooks.domain import ENDS
from shared.clock import SystemClock
from shared.db.database import Database
from shared.errors import Unauthenticated
from shared.http.application import build_app
from shared.ids import uuid7
from shared.security.principal import CallingService, Principal, SessionId, UserId
from shared.settings import load
from tests.integration.webhooks.conftest import SECRET, World
from tests.support.clock import MovableClock
from tests.support.messaging import Runs, running
from tests.support.receiver import Receiver
from tests.support.traces import traces

URL = "https://app.example/hooks"


class Tokens:
    """A token is the id of its user, of a guest or of an API key with the scopes after it."""

    async def user(self, token: str) -> Principal:
        kind, owner, *scopes = token.split(" ")
        return Principal(
            UserId(UUID(owner)),
            SessionId(uuid7()),
            scopes=tuple(scopes),
            guest=kind == "guest",
            api_key=kind == "key",
        )

    async def service(self, token: str) -> CallingService:
        if token != "auth":
            raise Unauthenticated
        return CallingService(token)


class User:
    """Somebody who calls the service."""

    def __init__(self, http: httpx.AsyncClient, kind: str = "user", *scopes: str) -> None:
        self.id = UserId(uuid7())
        self._http = http
        self._headers = {"authorization": " ".join(["Bearer", kind, str(self.id), *scopes])}

    async def call(
        self, method: str, path: str, wanted: int = 200, body: object = None, key: str = ""
    ) -> Any:
        """The JSON of an answer with the status `wanted`."""
        headers = self._headers | ({"idempotency-key": key} if key else {})
        answer = await self._http.request(
            method, f"/api/webhooks{path}", headers=headers, json=body
        )
        assert answer.status_code == wanted, answer.text
        return answer.json() if answer.content else None

    async def make(self, url: str = URL, key: str = "", **more: object) -> Any:
        """A new webhook with its secret."""
        return await self.call("POST", "", 201, {"url": url, **more}, key)

    async def attempt(self) -> httpx.Response:
        """Ask for one more webhook."""
        return await self._http.post("/api/webhooks", headers=self._headers, json={"url": URL})

    async def deliveries(self, webhook: str) -> Any:
        """What it was told, newest first."""
        return (await self.call("GET", f"/{webhook}/deliveries"))["items"]


class Service:
    """The feature as it is composed."""

    def __init__(self, database: Database, **settings: object) -> None:
        found = load(
            JobsSettings,
            secret_key=SECRET,
            database_url="postgresql+asyncpg://not/used",
            amqp_url="in-process:",
            **settings,
        )
        clock = MovableClock(SystemClock().now() + timedelta(minutes=1))
        self.feature = building.build(Base(found, database, clock))
        groups = (*self.feature.endpoints, PeopleEndpoints(database))
        app = build_app("jobs", endpoints=groups, authenticate=Tokens(), checks={})
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://jobs")

    def user(self) -> User:
        """Another user."""
        return User(self.http)


@asynccontextmanager
async def serving(database: Database, **settings: object) -> AsyncIterator[Service]:
    service = Service(database, **settings)
    yield service
    await service.http.aclose()
    for close in service.feature.close:
        await close()


@pytest.fixture
async def service(jobs_database: Database) -> AsyncIterator[Service]:
    async with serving(jobs_database, webhooks_per_user=2) as found:
        yield found


@pytest.fixture
def mina(service: Service) -> User:
    return service.user()


async def test_the_secret_is_told_once_and_kept_sealed(mina: User, jobs_database: Database) -> None:
    made = await mina.make(description="ours")
    webhook = made["webhook"]
    assert made["secret"].startswith("whsec_")
    assert (webhook["url"], webhook["events"], webhook["enabled"]) == (URL, [*ENDS], True)
    assert await mina.call("GET", f"/{webhook['id']}") == webhook
    assert (await mina.call("GET", ""))["items"] == [webhook]
    row = await jobs_database.one(text("SELECT secret, webhooks::text AS all FROM webhooks"))
    assert row is not None
    key = msgspec.json.decode(f'"{made["secret"].removeprefix("whsec_")}"', type=bytes)
    assert len(key) == 32
    assert key not in row.secret
    assert made["secret"].removeprefix("whsec_") not in row.all


@pytest.mark.parametrize(
    ("wrong", "field", "fault"),
    [
        ({"url": "https://127.0.0.1/"}, "url", "public internet"),
        ({"url": "ftp://app.example"}, "url", "must begin with https:// or http://"),
        ({"url": URL, "events": ["jobs.job.exploded"]}, "events", "jobs.job.succeeded"),
        ({"url": URL, "events": []}, "events", "length"),
        ({"url": URL, "description": "a\x00b"}, "description", "control characters"),
        ({"url": URL, "secret": "mine"}, "secret", "is not known here"),
        ({}, "url", "is required"),
    ],
)
async def test_what_is_wrong_is_named(
    mina: User, wrong: dict[str, object], field: str, fault: str
) -> None:
    answer = await mina.call("POST", "", 422, wrong)
    (error,) = answer["errors"]
    assert error["field"] == field
    assert fault in error["message"]


async def test_everything_that_is_wrong_is_named_at_once(mina: User) -> None:
    wrong = {"url": "ftp://a.example", "events": ["jobs.job.exploded"], "description": "a\x00b"}
    answer = await mina.call("POST", "", 422, wrong)
    assert [one["field"] for one in answer["errors"]] == ["url", "events", "description"]


async def test_production_wants_https(jobs_database: Database) -> None:
    async with serving(jobs_database, environment="production") as service:
        answer = await service.user().call("POST", "", 422, {"url": "http://app.example/"})
        assert answer["errors"][0]["message"] == "must begin with https://"


async def test_a_repeated_request_makes_one_webhook_and_tells_the_same_secret(mina: User) -> None:
    first = await mina.make(key="once")
    assert await mina.make(key="once") == first
    refused = await mina.call("POST", "", 422, {"url": f"{URL}/other"}, "once")
    assert refused["code"] == "idempotency_key_reused"
    assert len((await mina.call("GET", ""))["items"]) == 1


async def test_there_is_a_limit_also_for_those_who_come_at_once(mina: User) -> None:
    answers = await asyncio.gather(*(mina.attempt() for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [201, 201, 409, 409]
    assert {one.json().get("code") for one in answers} == {None, "too_many_webhooks"}


async def test_only_what_is_given_changes(mina: User) -> None:
    webhook = (await mina.make(description="ours"))["webhook"]
    path = f"/{webhook['id']}"
    changed = await mina.call("PATCH", path, body={"events": ["jobs.job.started"]})
    assert changed == webhook | {"events": ["jobs.job.started"]}
    changed = await mina.call("PATCH", path, body={"enabled": False, "description": ""})
    assert (changed["enabled"], changed["disabled_reason"]) == (False, None)
    assert await mina.call("PATCH", path, body={}) == changed
    assert await mina.call("GET", path) == changed
    refused = await mina.call("PATCH", path, 422, {"url": "https://10.0.0.1/", "description": "\n"})
    assert [one["field"] for one in refused["errors"]] == ["url", "description"]


async def test_a_disabled_webhook_is_sent_nothing_on_demand(mina: User) -> None:
    path = f"/{(await mina.make())['webhook']['id']}"
    await mina.call("PATCH", path, body={"enabled": False})
    assert (await mina.call("POST", f"{path}/test", 409))["code"] == "webhook_disabled"
    replay = f"{path}/deliveries/{uuid7()}/replay"
    assert (await mina.call("POST", replay, 409))["code"] == "webhook_disabled"


async def test_what_belongs_to_another_is_not_found(service: Service, mina: User) -> None:
    path = f"/{(await mina.make())['webhook']['id']}"
    delivery = (await mina.call("POST", f"{path}/test", 202))["id"]
    other = service.user()
    for method, rest, body in [
        ("GET", "", None),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("GET", f"/deliveries/{delivery}", None),
        ("POST", f"/deliveries/{delivery}/replay", None),
    ]:
        answer = await other.call(method, path + rest, 404, body)
        assert answer["code"] == "webhook_not_found"
    assert (await other.call("GET", ""))["items"] == []
    unknown = await mina.call("POST", f"{path}/deliveries/{uuid7()}/replay", 404)
    assert unknown["code"] == "webhook_delivery_not_found"


async def test_a_removed_webhook_is_no_more(mina: User) -> None:
    path = f"/{(await mina.make())['webhook']['id']}"
    await mina.call("POST", f"{path}/test", 202)
    await mina.call("DELETE", path, 204)
    await mina.call("DELETE", path, 404)
    await mina.call("GET", f"{path}/deliveries", 404)


async def test_guests_and_keys_without_the_scope_are_refused(service: Service) -> None:
    guest = User(service.http, "guest")
    assert (await guest.call("GET", "", 403))["code"] == "account_required"
    key = User(service.http, "key", "webhooks:read")
    assert (await key.call("GET", ""))["items"] == []
    assert (await key.call("POST", "", 403, {"url": URL}))["code"] == "scope_missing"


async def test_a_rotation_that_is_repeated_keeps_the_secret_before_it(mina: User) -> None:
    made = await mina.make()
    path = f"/{made['webhook']['id']}/rotate-secret"
    rotated = await mina.call("POST", path, key="once")
    assert rotated["secret"] != made["secret"]
    assert rotated["webhook"]["old_secret_until"] is not None
    assert await mina.call("POST", path, key="once") == rotated


async def test_a_test_event_arrives_and_is_listed_with_what_came_of_it(
    jobs_database: Database, receiver: Receiver
) -> None:
    async with serving(jobs_database, webhook_allow_private=True) as service:
        mina = service.user()
        made = await mina.make(receiver.url)
        webhook = made["webhook"]["id"]
        component = next(one for one in service.feature.components if one.name == "webhooks")
        async with running(cast("Runs", component)):
            waiting = await mina.call("POST", f"/{webhook}/test", 202)
            assert (waiting["state"], waiting["attempts"]) == ("pending", 0)
            async with asyncio.timeout(10):
                while (await mina.deliveries(webhook))[0]["state"] == "pending":
                    await asyncio.sleep(0.02)
            await mina.call("POST", f"/{webhook}/deliveries/{waiting['id']}/replay", 202)
            async with asyncio.timeout(10):
                while len(receiver.received) < 2:
                    await asyncio.sleep(0.02)
        (delivery,) = await mina.deliveries(webhook)
    assert (delivery["id"], delivery["status_code"]) == (waiting["id"], 204)
    assert (delivery["error"], delivery["next_attempt_at"]) == (None, None)
    assert delivery["data"] == {"webhook_id": webhook}
    message = Verifier(made["secret"]).verify(
        receiver.received[0].body, receiver.received[0].headers
    )
    assert message["type"] == delivery["event"] == "webhook.test"
    assert message["timestamp"] == delivery["created_at"]


async def test_a_repeated_test_is_sent_once_and_followed_by_its_id(mina: User) -> None:
    path = f"/{(await mina.make())['webhook']['id']}"
    first = await mina.call("POST", f"{path}/test", 202, key="once")
    assert await mina.call("POST", f"{path}/test", 202, key="once") == first
    assert await mina.call("GET", f"{path}/deliveries/{first['id']}") == first
    assert await mina.deliveries(path[1:]) == [first]
    unknown = await mina.call("GET", f"{path}/deliveries/{uuid7()}", 404)
    assert unknown["code"] == "webhook_delivery_not_found"


async def test_deliveries_are_paged(mina: User) -> None:
    path = f"/{(await mina.make())['webhook']['id']}"
    made = [(await mina.call("POST", f"{path}/test", 202))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await mina.call("GET", f"{path}/deliveries?limit=2&cursor={cursor}")
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(made)
    assert (await mina.call("GET", f"{path}/deliveries?cursor=no", 422))["errors"]


async def test_everything_is_exported_but_the_secrets(service: Service, mina: User) -> None:
    made = await mina.make()
    delivery = await mina.call("POST", f"/{made['webhook']['id']}/test", 202)
    answer = await service.http.get(
        f"/internal/people/{mina.id}/data", headers={"authorization": "Bearer auth"}
    )
    lines = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    found = {one["kind"]: one["record"] for one in lines}
    assert found["webhooks"] == made["webhook"]
    assert found["webhook_deliveries"] == delivery
    assert "whsec_" not in answer.text


async def test_nothing_is_left_of_the_erased_and_everything_of_others(
    jobs_database: Database, world: World, receiver: Receiver
) -> None:
    owners = [await world.setting.user() for _ in range(2)]
    for owner in owners:
        await world.webhook(owner, receiver)
        await world.finished(owner)
        await world.running(owner)
    mina, jun = owners
    before = await traces(jobs_database, str(jun))
    async with jobs_database.transaction() as tx:
        await EraseOwner()(tx, mina)
    assert (await traces(jobs_database, str(mina))).keys() <= {"outbox"}
    assert await traces(jobs_database, str(jun)) == before
    assert await world.told() == 1
