"""Cross-origin requests: what a browser is told."""

import pytest

from tests.support.gateway import ORIGIN, TOKEN, everywhere, gateway
from tests.unit.gateway.client import client_of, echo

OTHER = "https://evil.example"
PREFLIGHT = {"access-control-request-method": "POST"}
ALLOW_ORIGIN = "access-control-allow-origin"


def cors_headers(headers: dict[str, str]) -> list[str]:
    return [name for name in headers if name.startswith("access-control-")]


async def test_a_preflight_is_answered_without_asking_anybody() -> None:
    asked = {**PREFLIGHT, "access-control-request-headers": "Authorization, X-Custom"}
    async with client_of(gateway(dict.fromkeys(("auth", "content", "jobs")))) as client:  # type: ignore[arg-type]
        answer = await client.options("/api/videos", headers={"origin": ORIGIN, **asked})
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers[ALLOW_ORIGIN] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "Authorization, X-Custom"
    assert answer.headers["access-control-max-age"] == "600"
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://app.example.evil.example", "http://app.example", ""]
)
async def test_a_preflight_from_an_origin_that_is_not_listed_gets_400_and_no_cors_header(
    origin: str,
) -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.options("/api/videos", headers={"origin": origin, **PREFLIGHT})
    assert answer.status_code == 400
    assert answer.json()["code"] == "cors_refused"
    assert cors_headers(dict(answer.headers)) == []


async def test_a_preflight_for_an_unknown_method_is_refused_readably() -> None:
    headers = {"origin": ORIGIN, "access-control-request-method": "BREW"}
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.options("/api/videos", headers=headers)
    assert answer.status_code == 400
    assert answer.headers[ALLOW_ORIGIN] == ORIGIN


async def test_options_that_is_no_preflight_goes_its_way() -> None:
    headers = {"origin": ORIGIN, "authorization": f"Bearer {TOKEN}"}
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.options("/api/videos", headers=headers)
    assert answer.json()["path"] == "/api/videos"


@pytest.mark.parametrize("path", ["/api/videos", "/nowhere"])
async def test_every_answer_to_a_listed_origin_can_be_read_errors_too(path: str) -> None:
    headers = {"origin": ORIGIN, "authorization": f"Bearer {TOKEN}"}
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.get(path, headers=headers)
    assert answer.headers[ALLOW_ORIGIN] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("headers", [{}, {"origin": OTHER}])
async def test_everybody_else_gets_no_cors_header_but_vary(headers: dict[str, str]) -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.get(
            "/api/videos", headers={"authorization": f"Bearer {TOKEN}", **headers}
        )
    assert answer.status_code == 200
    assert cors_headers(dict(answer.headers)) == []
    assert answer.headers.get_list("vary") == ["Accept", "Origin"]


async def test_an_upstream_cannot_allow_an_origin() -> None:
    async def generous(scope, receive, send):  # type: ignore[no-untyped-def]
        headers = [(b"access-control-allow-origin", b"*"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    async with client_of(gateway(everywhere(generous))) as client:
        answer = await client.get(
            "/api/videos", headers={"authorization": f"Bearer {TOKEN}", "origin": OTHER}
        )
    assert cors_headers(dict(answer.headers)) == []
