"""The merged document and the page that shows it."""

import asyncio
import copy
import json
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from gateway import clients
from gateway.docs import Docs, as_3_0
from gateway.openapi import OpenApi, merge
from shared.errors import NotFound
from shared.http.application import build_app
from shared.http.endpoint import endpoint
from shared.security.principal import Principal
from tests.support.clock import MovableClock
from tests.support.gateway import CLOCK, everywhere, gateway, verifier
from tests.unit.gateway.client import client_of


class Thing(msgspec.Struct):
    name: str
    note: str | None = None


THING = Thing("a")


class ContentThings:
    @endpoint("GET", "/api/videos/{name}", summary="A thing", tag="videos", example=THING)
    async def read(self, name: str, caller: Principal) -> Thing:
        raise NotFound

    @endpoint("GET", "/api/jobs/taken", summary="Not ours", tag="videos", example=THING)
    async def taken(self) -> Thing:
        raise NotFound


def _auth_things() -> type:
    class Thing(msgspec.Struct):
        size: int

    class AuthThings:
        @endpoint("GET", "/api/auth/me", summary="Me", tag="auth", example=Thing(1))
        async def me(self) -> Thing:
            raise NotFound

    AuthThings.me.__annotations__["return"] = Thing
    return AuthThings


def service(name: str, group: object) -> Any:
    return build_app(name, endpoints=[group], authenticate=verifier(), checks={})


UPSTREAMS = {
    "auth": service("auth", _auth_things()()),
    "content": service("content", ContentThings()),
}


async def document() -> dict[str, Any]:
    described = await OpenApi(clients.in_process(UPSTREAMS), CLOCK).document()
    return json.loads(described)  # type: ignore[no-any-return]


async def test_the_merged_document_is_valid() -> None:
    validate(await document())


async def test_it_has_our_own_paths_and_those_routed_to_each_service() -> None:
    paths = set((await document())["paths"])
    ours = {"/", "/health", "/health/full", "/api/health", "/api/info", "/api/events", "/ws"}
    assert paths == {*ours, "/api/videos/{name}", "/api/auth/me"}


async def test_two_schemas_of_one_name_stay_two() -> None:
    merged = await document()
    schemas = merged["components"]["schemas"]
    assert "size" in schemas["Thing"]["properties"]
    assert "name" in schemas["content.Thing"]["properties"]
    answer = merged["paths"]["/api/videos/{name}"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/content.Thing"}


async def test_a_schema_that_services_share_appears_once() -> None:
    schemas = (await document())["components"]["schemas"]
    assert [name for name in schemas if "ProblemBody" in name] == ["ProblemBody"]


async def test_a_service_that_is_away_is_named_until_it_answers_and_then_remembered() -> None:
    clock = MovableClock()
    down = True

    async def content(scope: Any, receive: Any, send: Any) -> None:
        if down:
            raise NotFound
        await UPSTREAMS["content"](scope, receive, send)

    openapi = OpenApi(clients.in_process({**UPSTREAMS, "content": content}), clock)
    first = json.loads(await openapi.document())
    assert first["info"]["description"].endswith("content.")
    assert "/api/auth/me" in first["paths"]
    down = False
    clock.advance(1)
    assert "/api/videos/{name}" in json.loads(await openapi.document())["paths"]
    down = True
    clock.advance(60)
    assert "/api/videos/{name}" in json.loads(await openapi.document())["paths"]


async def test_the_services_are_not_asked_for_each_reader() -> None:
    asked = 0

    async def auth(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        await UPSTREAMS["auth"](scope, receive, send)

    openapi = OpenApi(clients.in_process({"auth": auth}), MovableClock())
    first, *others = await asyncio.gather(*(openapi.document() for _ in range(10)))
    assert set(others) == {first} == {await openapi.document()}
    assert asked == 1


async def test_a_service_that_is_away_is_asked_once_a_second() -> None:
    asked = 0

    async def auth(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        raise NotFound

    clock = MovableClock()
    openapi = OpenApi(clients.in_process({"auth": auth}), clock)
    for _ in range(3):
        await openapi.document()
    assert asked == 1
    clock.advance(1)
    await openapi.document()
    assert asked == 2


async def test_every_routed_call_tells_of_what_the_gateway_may_answer_instead() -> None:
    described = await document()
    answers = described["paths"]["/api/auth/me"]["get"]["responses"]
    assert answers.keys() >= {"200", "400", "429", "502", "503", "504"}
    assert answers["429"] == {"$ref": "#/components/responses/TooMany"}
    told = described["components"]["responses"]["TooMany"]
    assert set(told["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    assert "429" not in described["paths"]["/health"]["get"]["responses"]


async def test_what_a_service_says_of_a_status_itself_stays() -> None:
    own = {"description": "Ours"}
    source = {"paths": {"/api/auth/x": {"get": {"responses": {"503": own}}}}}
    answers = merge({"auth": source}, [])["paths"]["/api/auth/x"]["get"]["responses"]
    assert answers["503"] == own


async def test_a_path_that_will_go_is_marked() -> None:
    openapi = OpenApi(clients.in_process(UPSTREAMS), CLOCK, deprecated=["/api/auth/me"])
    paths = json.loads(await openapi.document())["paths"]
    assert paths["/api/auth/me"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/videos/{name}"]["get"]


def test_merging_leaves_the_sources_as_they_were() -> None:
    source = {"paths": {}, "components": {"schemas": {"Part": {"type": "string"}}}}
    before = copy.deepcopy(source)
    merge({"auth": source}, [])
    assert source == before


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/docs", "text/html"),
        ("/docs/", "text/html"),
        ("/docs/start.js", "text/javascript"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/favicon-32x32.png", "image/png"),
        ("/docs/openapi.json", "application/json"),
    ],
)
async def test_the_page_and_all_it_loads_come_from_here(path: str, kind: str) -> None:
    own = Docs(OpenApi(clients.in_process(UPSTREAMS), CLOCK)).apps()
    async with client_of(gateway(everywhere(UPSTREAMS["auth"]), own=own)) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    if path == "/docs":
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "://" not in answer.text


async def test_the_page_shows_a_valid_document_of_the_older_version() -> None:
    merged = await document()
    older = as_3_0(merged)
    validate(older)
    assert older["openapi"] == "3.0.3"
    note = older["components"]["schemas"]["content.Thing"]["properties"]["note"]
    assert note["type"] == "string"
    assert note["nullable"] is True
    assert merged["openapi"] == "3.1.0"


def test_a_file_in_a_form_becomes_one_that_the_page_lets_a_reader_choose() -> None:
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    older = as_3_0({"openapi": "3.1.0", "components": {"schemas": {"File": file}}})
    assert older["components"]["schemas"]["File"] == {"type": "string", "format": "binary"}
