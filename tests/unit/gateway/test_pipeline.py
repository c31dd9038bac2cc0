"""One request through the gateway: who may pass, what is added, what is told."""

from datetime import timedelta

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from gateway.access_log import AccessLine, AccessLog
from shared.errors import Unavailable
from shared.security.keys import SigningKey
from shared.security.tokens import TokenIssuer
from tests.support.clock import MovableClock
from tests.support.gateway import CLOCK, KEY, TOKEN, USER, everywhere, gateway
from tests.unit.gateway.client import client_of, echo

BEARER = {"authorization": f"Bearer {TOKEN}"}


def expired() -> str:
    clock = MovableClock(CLOCK.now() - timedelta(hours=1))
    return TokenIssuer(KEY, clock).issue(USER)


def forged() -> str:
    return TokenIssuer(SigningKey.generate(), CLOCK).issue(USER)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "unauthenticated"),
        ("", "unauthenticated"),
        ("Basic dXNlcjpwYXNz", "unauthenticated"),
        ("Bearer", "unauthenticated"),
        ("Bearer ", "unauthenticated"),
        ("Bearer x", "token_invalid"),
        ("Bearer \xff\xfe", "token_invalid"),
        (f"Bearer {TOKEN}x", "token_invalid"),
        (f"Bearer {forged()}", "token_invalid"),
        (f"Bearer {expired()}", "token_expired"),
    ],
)
async def test_a_request_whose_token_does_not_verify_goes_no_further(
    header: str | None, code: str
) -> None:
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.get("/api/videos", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == code


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_verified_token_is_forwarded_as_it_is(scheme: str) -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        for _ in range(2):  # verified, then known
            answer = await client.get("/api/videos", headers={"authorization": f"{scheme} {TOKEN}"})
            assert answer.json()["headers"]["authorization"] == f"{scheme} {TOKEN}"


async def test_an_expired_token_does_not_keep_anybody_from_a_new_one() -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.post(
            "/api/auth/refresh", headers={"authorization": f"Bearer {expired()}"}
        )
    assert answer.status_code == 200


async def test_invented_identity_headers_reach_no_service() -> None:
    claims = {"X-User-Id": "1", "x-user-roles": "admin", "Remote-User": "root"}
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.get("/api/videos", headers=BEARER | claims)
    assert not {name.lower() for name in claims} & answer.json()["headers"].keys()


async def test_a_harmless_request_id_is_kept_and_another_is_replaced() -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        kept = await client.get("/api/videos", headers={**BEARER, "x-request-id": "abc-1"})
        replaced = await client.get("/api/videos", headers={**BEARER, "x-request-id": "a b<c>"})
    assert kept.headers["x-request-id"] == "abc-1"
    assert kept.json()["headers"]["x-request-id"] == "abc-1"
    assert len(replaced.headers["x-request-id"]) == 32
    assert replaced.json()["headers"]["x-request-id"] == replaced.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/api/videos", "/nowhere"])
async def test_every_answer_has_the_security_headers(path: str) -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.get(path, headers=BEARER)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_an_answer_keeps_the_policy_it_states_itself() -> None:
    async def cacheable(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"cache-control", b"max-age=60"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    async with client_of(gateway(everywhere(cacheable))) as client:
        answer = await client.get("/api/videos", headers=BEARER)
    assert answer.headers.get_list("cache-control") == ["max-age=60"]
    assert answer.headers["x-frame-options"] == "DENY"


async def test_a_fault_of_ours_is_a_500_that_tells_nothing() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret detail")

    async with client_of(gateway(everywhere(broken))) as client:
        answer = await client.get("/api/videos", headers=BEARER)
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 200), (64 * 1024 + 1, 413)])
async def test_a_body_may_be_as_large_as_its_limit(size: int, status: int) -> None:
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.post("/api/posts", content=b"x" * size, headers=BEARER)
    assert answer.status_code == status


async def test_a_length_that_is_no_number_is_refused() -> None:
    headers = {**BEARER, "content-length": "-1"}
    async with client_of(gateway(everywhere(echo))) as client:
        answer = await client.post("/api/posts", headers=headers)
    assert answer.status_code == 400


async def test_each_request_is_logged_in_one_line_without_its_query() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    async with client_of(gateway(everywhere(echo), access_log=log)) as client:
        await client.get("/api/videos?token=secret", headers={**BEARER, "x-request-id": "r1"})
        await client.get("/nowhere")
    assert written == []
    log.flush()
    first, second = (
        msgspec.json.decode(line, type=AccessLine) for line in b"".join(written).splitlines()
    )
    assert (first.service, first.event, first.level) == ("gateway", "request", "info")
    assert (first.method, first.path, first.status) == ("GET", "/api/videos", 200)
    assert (first.user_id, first.request_id, first.client) == (USER.id, "r1", "in-process")
    assert first.bytes > 100
    assert first.duration_ms > 0
    assert len(first.trace_id) == 32
    assert (second.status, second.user_id) == (404, None)
    assert b"secret" not in b"".join(written)


async def test_probes_of_a_healthy_gateway_are_not_logged() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)

    async def unwell(scope: Scope, receive: Receive, send: Send) -> None:
        raise Unavailable

    for app in (echo, unwell):
        door = gateway(everywhere(echo), own={"/health/ready": app}, access_log=log)
        async with client_of(door) as client:
            await client.get("/health/ready")
    log.flush()
    (line,) = b"".join(written).splitlines()
    assert msgspec.json.decode(line, type=AccessLine).status == 503


async def test_the_access_log_writes_at_once_when_much_has_come_together() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    line = AccessLine(CLOCK.now(), "info", "GET", "/" + "x" * 1000, 200, 1.0, 1, "", None, "", "")
    for _ in range(80):
        log.add(line)
    assert len(written) == 1
    log.flush()
    assert b"".join(written).count(b"\n") == 80
