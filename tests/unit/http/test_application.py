"""The app of a service: binding, problems, paths with and without a slash, OpenAPI."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
from openapi_spec_validator import validate
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from shared.errors import Conflict, NotFound, Unauthenticated
from shared.http.application import build_app
from shared.http.endpoint import Header, endpoint, read_signature
from shared.http.paging import Page, PageQuery
from shared.ids import uuid7
from shared.security.principal import CallingService, Principal, SessionId, UserId

ALICE = Principal(UserId(uuid7()), SessionId(uuid7()))


class ThingTaken(Conflict):
    code = "thing_taken"
    title = "The thing is taken"


class NewThing(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=2)]


class Thing(msgspec.Struct):
    id: UUID
    name: str
    owner: UUID | None = None


EXAMPLE = Thing(UUID(int=7), "lamp")


@dataclass(frozen=True, slots=True)
class ThingEndpoints:
    known: Thing

    @endpoint(
        "POST",
        "/api/things",
        status=201,
        summary="Make a thing",
        tag="things",
        body_example=NewThing("lamp"),
        example=EXAMPLE,
        errors=(ThingTaken,),
    )
    async def create(
        self,
        body: NewThing,
        caller: Principal,
        key: Annotated[str | None, Header("Idempotency-Key", "a key"), msgspec.Meta(max_length=3)],
    ) -> Thing:
        if body.name == "taken":
            raise ThingTaken("Somebody has it.")
        return Thing(uuid7(), f"{body.name}{key or ''}", caller.id)

    @endpoint("GET", "/api/things", summary="Things", tag="things", example=Page([EXAMPLE], None))
    async def list_things(self, query: PageQuery, caller: Principal | None) -> Page[Thing]:
        return Page([Thing(self.known.id, str(query.limit), caller.id if caller else None)], None)

    @endpoint("DELETE", "/api/things/{thing_id}", status=204, summary="Remove", tag="things")
    async def remove(self, thing_id: UUID) -> None:
        if thing_id != self.known.id:
            raise NotFound

    @endpoint("GET", "/internal/things", summary="Inside", tag="things", answers=("text/plain",))
    async def inside(self, caller: CallingService) -> Response:
        return Response(caller.name)

    @endpoint(
        "GET",
        "/api/things/{thing_id}/picture",
        summary="Picture",
        tag="things",
        answers=("image/png", "image/webp"),
        example=EXAMPLE,
        sends_file=True,
    )
    async def picture(self, thing_id: UUID) -> Response:
        return Response(b"...", media_type="image/png")

    @endpoint("GET", "/api/broken", summary="Breaks", tag="things", answers=("text/plain",))
    async def broken(self, request: Request) -> Response:
        raise RuntimeError("secret detail")


class FakeTokens:
    """Knows one user's and one service's token."""

    async def user(self, token: str) -> Principal:
        if token != "alice":
            raise Unauthenticated("No such token.")
        return ALICE

    async def service(self, token: str) -> CallingService:
        if token != "jobs":
            raise Unauthenticated("No such token.")
        return CallingService("jobs")


async def fine() -> None:
    return


async def broken_check() -> None:
    raise ConnectionError


def make_app() -> ASGIApp:
    return build_app(
        "things",
        endpoints=[ThingEndpoints(EXAMPLE)],
        authenticate=FakeTokens(),
        checks={"disk": fine},
    )


async def call(method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(make_app())
    headers = more.pop("headers", {})
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as client:
        return await client.request(method, path, headers=headers, **more)


async def test_an_endpoint_is_bound_from_its_signature() -> None:
    answer = await call(
        "POST", "/api/things", "alice", json={"name": "lamp"}, headers={"idempotency-key": "k1"}
    )
    assert answer.status_code == 201
    assert answer.json()["name"] == "lampk1"
    assert answer.json()["owner"] == str(ALICE.id)


@pytest.mark.parametrize("path", ["/api/things", "/api/things/"])
async def test_a_trailing_slash_makes_no_difference(path: str) -> None:
    assert (await call("GET", path)).status_code == 200


async def test_body_and_header_mistakes_come_together() -> None:
    answer = await call(
        "POST", "/api/things", "alice", json={"name": "x"}, headers={"idempotency-key": "long"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {one["field"] for one in answer.json()["errors"]} == {"Idempotency-Key", "name"}


async def test_a_problem_has_its_code_and_the_request_id() -> None:
    answer = await call(
        "POST", "/api/things", "alice", json={"name": "taken"}, headers={"x-request-id": "abc-1"}
    )
    assert answer.status_code == 409
    assert answer.json() == {
        "type": "urn:madang:problem:thing_taken",
        "title": "The thing is taken",
        "status": 409,
        "detail": "Somebody has it.",
        "code": "thing_taken",
        "request_id": "abc-1",
    }


async def test_a_request_id_that_could_forge_log_lines_is_replaced() -> None:
    answer = await call("DELETE", f"/api/things/{UUID(int=1)}", headers={"x-request-id": "a b"})
    assert answer.json()["request_id"] not in ("", "a b")


@pytest.mark.parametrize("authorization", [None, "Bearer bob", "Basic alice", "Bearer", "alice"])
async def test_an_endpoint_with_a_caller_needs_a_token(authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await call("POST", "/api/things", json={"name": "lamp"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_optional_caller_may_be_absent_but_not_wrong() -> None:
    assert (await call("GET", "/api/things")).json()["items"][0].get("owner") is None
    assert (await call("GET", "/api/things", "alice")).json()["items"][0]["owner"]
    assert (await call("GET", "/api/things", "bob")).status_code == 401


async def test_an_internal_endpoint_takes_services_only() -> None:
    assert (await call("GET", "/internal/things", "jobs")).text == "jobs"
    assert (await call("GET", "/internal/things", "alice")).status_code == 401
    assert (await call("GET", "/internal/things", headers={"x-user-id": "1"})).status_code == 401


async def test_no_content_is_204_and_a_wrong_id_names_the_parameter() -> None:
    assert (await call("DELETE", f"/api/things/{EXAMPLE.id}")).status_code == 204
    answer = await call("DELETE", "/api/things/seven")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "thing_id"


async def test_unknown_paths_and_methods_are_problems() -> None:
    assert (await call("GET", "/api/nothing")).json()["code"] == "not_found"
    answer = await call("PUT", "/api/things")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_another_media_type_is_refused() -> None:
    answer = await call(
        "POST", "/api/things", "alice", content=b"{}", headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 415


async def test_a_body_over_its_limit_is_refused() -> None:
    answer = await call("POST", "/api/things", "alice", json={"name": "x" * 1024 * 1024})
    assert answer.status_code == 413


async def test_an_unexpected_error_tells_nothing_of_the_inside() -> None:
    answer = await call("GET", "/api/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.json()["request_id"]


async def test_health_is_apart_from_readiness() -> None:
    assert (await call("GET", "/health")).json() == {"status": "healthy", "service": "things"}
    assert (await call("GET", "/health/ready")).json()["checks"]["disk"]["status"] == "healthy"


async def test_a_failed_check_makes_the_service_unready() -> None:
    app = build_app(
        "things", endpoints=[], authenticate=FakeTokens(), checks={"disk": broken_check}
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["disk"]["status"] == "unhealthy"


async def test_the_openapi_document_is_valid_and_leaves_out_internal_paths() -> None:
    document = (await call("GET", "/openapi.json")).json()
    validate(document)
    assert "/internal/things" not in document["paths"]
    operation = document["paths"]["/api/things"]["post"]
    assert set(operation["responses"]) == {"201", "400", "401", "403", "409", "413", "415", "422"}
    assert "thing_taken" in str(operation["responses"]["409"])
    assert operation["responses"]["201"]["content"]["application/json"]["example"]
    assert operation["parameters"][0]["name"] == "Idempotency-Key"


async def test_a_file_is_told_of_with_its_types_its_ranges_and_its_json_form() -> None:
    document = (await call("GET", "/openapi.json")).json()
    operation = document["paths"]["/api/things/{thing_id}/picture"]["get"]
    assert set(operation["responses"]) == {"200", "206", "304", "412", "416", "422"}
    content = operation["responses"]["200"]["content"]
    assert content.keys() == {"image/png", "image/webp", "application/json"}
    assert content["application/json"]["example"]["name"] == "lamp"
    assert operation["responses"]["206"]["content"] == content
    assert "content" not in operation["responses"]["304"]
    assert {"Range", "If-Range", "If-None-Match"} < {
        parameter["name"] for parameter in operation["parameters"]
    }


def test_a_parameter_that_cannot_be_bound_is_refused_at_start() -> None:
    class Bad:
        @endpoint("GET", "/api/bad", summary="Bad", tag="bad")
        async def bad(self, mystery: int) -> None:
            return None

    with pytest.raises(TypeError, match="'mystery' cannot be bound"):
        read_signature(Bad.bad)
