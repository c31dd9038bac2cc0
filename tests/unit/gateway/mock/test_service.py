"""The gateway in mock mode, as a front end meets it."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.mock.api import MockApi
from gateway.mock.service import build_mock
from gateway.settings import DoorSettings
from shared.settings import BadSettings, load
from tests.support.gateway import ORIGIN
from tests.unit.gateway.client import client_of

JOB = {"type": "captions", "video_id": str(uuid4())}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in."""
    service = build_mock(load(DoorSettings, allowed_origins=ORIGIN))
    async with client_of(service.app) as found:
        found.headers["authorization"] = "Bearer any"
        yield found
    for close in service.close:
        await close()


async def preferring(client: httpx.AsyncClient, preference: str) -> httpx.Response:
    return await client.post("/api/jobs", json=JOB, headers={"prefer": preference})


async def test_a_call_gets_the_documented_example(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/credits/balance")
    assert (answer.status_code, answer.json()) == (200, {"balance": 57, "held": 3})
    assert answer.headers["content-type"] == "application/json"


async def test_the_id_in_the_path_is_the_id_in_the_answer(client: httpx.AsyncClient) -> None:
    job_id = str(uuid4())
    assert (await client.get(f"/api/jobs/{job_id}")).json()["id"] == job_id


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/"])
async def test_a_slash_at_the_end_makes_no_difference(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.post(path, json=JOB)).status_code == 202


async def test_a_token_is_needed_where_the_real_api_needs_one(client: httpx.AsyncClient) -> None:
    del client.headers["authorization"]
    refused = await client.get("/api/jobs")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    form = {"username": "mina@example.com", "password": "any"}
    session = (await client.post("/api/auth/login", data=form)).json()
    token = session["access_token"]
    allowed = await client.get("/api/jobs", headers={"authorization": f"Bearer {token}"})
    assert allowed.status_code == 200


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
async def test_any_api_key_does_as_well(client: httpx.AsyncClient, header: str) -> None:
    del client.headers["authorization"]
    key = "Bearer mdg_any" if header == "authorization" else "any"
    assert (await client.get("/api/jobs", headers={header: key})).status_code == 200


async def test_json_does_for_a_log_in_as_well(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/users/login/", json={"email": "mina@x.example", "password": "x"}
    )
    assert answer.status_code == 200


async def test_cors_and_secure_headers_are_those_of_the_real_gateway(
    client: httpx.AsyncClient,
) -> None:
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, prefer",
    }
    preflight = await client.options("/api/jobs", headers=asked)
    assert preflight.headers["access-control-allow-headers"] == "authorization, prefer"
    answer = await client.get("/api/jobs", headers={"origin": ORIGIN, "x-request-id": "a" * 32})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == "a" * 32


async def test_what_is_not_documented_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/videos/a/b/c")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_method_that_is_not_documented_is_told_the_others(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.delete("/api/jobs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_every_wrong_field_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/jobs", json={"type": "poem", "language": 1})
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "invalid_input")
    assert {one["field"] for one in told["errors"]} == {"type", "video_id", "language"}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/jobs/mine", "job_id"),
        ("/api/jobs?limit=many", "limit"),
        ("/api/jobs?limit=1000", "limit"),
        ("/api/jobs?status=lost", "status"),
        (f"/api/jobs/{uuid4()}/captions.doc", "extension"),
    ],
)
async def test_parameters_are_held_against_the_document(
    client: httpx.AsyncClient, path: str, field: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_a_form_is_checked_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/auth/login", data={"username": "mina"})
    assert [one["field"] for one in answer.json()["errors"]] == ["password"]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [("application/json", b"{", 400), ("text/plain", b"{}", 415)],
)
async def test_what_is_no_json_is_refused(
    client: httpx.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    answer = await client.post("/api/jobs", content=body, headers={"content-type": content_type})
    assert answer.status_code == status


async def test_an_upload_is_read_and_answered(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/videos", files={"file": ("talk.mp4", b"x" * 100_000)})
    assert (answer.status_code, answer.json()["state"]) == (201, "stored")


@pytest.mark.parametrize(
    ("suffix", "kind", "beginning"),
    [
        ("vtt", "text/vtt; charset=utf-8", b"WEBVTT"),
        ("srt", "application/x-subrip", b"1\r\n00:00"),
        ("ttml", "application/ttml+xml", b"<?xml"),
        ("txt", "text/plain; charset=utf-8", b"Welcome"),
        ("json", "application/json", b"{"),
    ],
)
async def test_the_end_of_a_path_says_the_type(
    client: httpx.AsyncClient, suffix: str, kind: str, beginning: bytes
) -> None:
    answer = await client.get(f"/api/jobs/{uuid4()}/captions.{suffix}")
    assert answer.headers["content-type"] == kind
    assert answer.content.startswith(beginning)


async def test_a_recording_is_one_that_plays(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/videos/{uuid4()}/content")
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.content.startswith(b"RIFF")


async def test_an_answer_without_content_has_no_body(client: httpx.AsyncClient) -> None:
    answer = await client.delete(f"/api/videos/{uuid4()}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


async def test_an_error_comes_when_it_is_preferred(client: httpx.AsyncClient) -> None:
    answer = await preferring(client, "code=402")
    assert (answer.status_code, answer.json()["code"]) == (402, "not_enough_credits")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["preference-applied"] == "code=402"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_busy_gateway_says_when_to_try_again(client: httpx.AsyncClient) -> None:
    answer = await preferring(client, "code=429")
    assert answer.status_code == 429
    assert {"retry-after", "ratelimit", "ratelimit-policy"} <= answer.headers.keys()


async def test_one_of_several_errors_is_preferred_by_its_code(client: httpx.AsyncClient) -> None:
    answer = await preferring(client, "code=404; example=video_not_found")
    assert answer.json()["code"] == "video_not_found"
    assert answer.headers["preference-applied"] == "code=404, example=video_not_found"
    alone = await preferring(client, 'example="request_in_progress"')
    assert (alone.status_code, alone.json()["code"]) == (409, "request_in_progress")


@pytest.mark.parametrize(
    ("preference", "known"),
    [("code=418", "202, 400, 401, 402"), ("example=nothing", "malformed_request")],
)
async def test_a_preference_that_is_not_documented_is_told_what_is(
    client: httpx.AsyncClient, preference: str, known: str
) -> None:
    answer = await preferring(client, preference)
    assert (answer.status_code, answer.json()["code"]) == (400, "preference_unknown")
    assert known in answer.json()["detail"]


async def test_a_preference_of_another_kind_is_ignored(client: httpx.AsyncClient) -> None:
    answer = await preferring(client, "respond-async, wait=10")
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


async def test_health_and_info_say_that_this_is_mock_mode(client: httpx.AsyncClient) -> None:
    alive = (await client.get("/api/health/")).json()
    assert alive == {"status": "healthy", "service": "gateway", "mock": True}
    assert (await client.get("/api/info/")).json()["features"]["mock"] is True
    assert (await client.get("/health/ready")).status_code == 200


async def test_the_state_of_everything_can_be_preferred(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/full")).json()["status"] == "healthy"
    ill = await client.get("/health/full", headers={"prefer": "code=503"})
    assert (ill.status_code, ill.json()["status"]) == (503, "unhealthy")


async def test_the_document_is_whole_with_nothing_behind(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert "description" not in described["info"]
    assert "/api/jobs" in described["paths"]


def test_mock_mode_is_refused_in_production() -> None:
    with pytest.raises(BadSettings, match="USE_MOCK_API: it must be false"):
        load(DoorSettings, use_mock_api=True, environment="production")


async def test_a_stream_of_events_is_answered_as_one() -> None:
    stream: dict[str, Any] = {"text/event-stream": {}}
    events = {"responses": {"200": {"description": "Events", "content": stream}}}
    document = {"paths": {"/api/events": {"get": events}}, "components": {}}
    async with client_of(MockApi(document)) as client:
        answer = await client.get("/api/events")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "\nevent: example\n" in answer.text


async def test_a_recursive_answer_without_an_example_ends() -> None:
    tree = {
        "type": "object",
        "properties": {"parts": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}
    read = {"responses": {"200": {"description": "A tree", "content": content}}}
    document = {"paths": {"/tree": {"get": read}}, "components": {"schemas": {"Tree": tree}}}
    async with client_of(MockApi(document)) as client:
        assert "parts" in (await client.get("/tree")).json()
