"""API keys at the real gateway: asked of auth over HTTP, on streams, and on WebSockets."""

import asyncio
import secrets
from datetime import timedelta
from uuid import uuid4

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.exceptions import InvalidStatus

from gateway.api_keys import exchange_with
from shared.errors import Unavailable
from shared.http.clients import over_http
from shared.security.api_keys import (
    EXCHANGE_PATH,
    RANDOM_BYTES,
    KeyExchange,
    KeyShown,
    Refusal,
    key_of,
)
from shared.security.principal import Principal, SessionId, UserId
from shared.security.service_tokens import ServiceAuth, ServiceTokens, ServiceTokenVerifier
from shared.security.tokens import TokenIssuer
from tests.integration.gateway.support import serving
from tests.integration.gateway.test_streams import begun
from tests.support.gateway import CLOCK, KEY
from tests.support.realtime import a_user, job_event, live, token_of

SECRET = "s" * 32
LIFETIME = timedelta(minutes=5)
BOTH = ("jobs:read", "videos:read")


def a_key() -> str:
    return key_of(secrets.token_bytes(RANDOM_BYTES))


def holder_of(*scopes: str) -> Principal:
    return Principal(UserId(uuid4()), SessionId(uuid4()), scopes=scopes, api_key=True)


def worth(holder: Principal) -> KeyExchange:
    token = TokenIssuer(KEY, CLOCK).issue(holder, LIFETIME)
    return KeyExchange(token, CLOCK.now() + LIFETIME)


def credentials() -> ServiceAuth:
    return ServiceAuth(ServiceTokens(SECRET, "gateway", CLOCK), "auth")


# ---- auth, over HTTP


async def test_auth_is_asked_in_the_gateways_name() -> None:
    answer, key, seen = worth(holder_of()), a_key(), []

    async def exchange(request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        seen.append(ServiceTokenVerifier(SECRET, "auth", CLOCK).verify(token).name)
        seen.append(msgspec.json.decode(await request.body(), type=KeyShown).key)
        return Response(msgspec.json.encode(answer))

    app = Starlette(routes=[Route(EXCHANGE_PATH, exchange, methods=["POST"])])
    async with serving(app) as port, over_http(f"http://127.0.0.1:{port}") as auth:
        found = await exchange_with(auth, credentials())(key)
    assert found.access_token == answer.access_token
    assert seen == ["gateway", key]


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (401, b"{}"), (200, b"no JSON")])
async def test_an_auth_that_answers_wrongly_is_away(status: int, body: bytes) -> None:
    async def exchange(_: Request) -> Response:
        return Response(body, status)

    app = Starlette(routes=[Route(EXCHANGE_PATH, exchange, methods=["POST"])])
    async with serving(app) as port, over_http(f"http://127.0.0.1:{port}") as auth:
        with pytest.raises(Unavailable):
            await exchange_with(auth, credentials())(a_key())


async def test_an_auth_that_cannot_be_reached_is_away(unused_tcp_port: int) -> None:
    async with over_http(f"http://127.0.0.1:{unused_tcp_port}") as auth:
        with pytest.raises(Unavailable):
            await exchange_with(auth, credentials())(a_key())


# ---- live events


async def test_a_stream_opens_for_a_key_that_may_read_what_it_tells() -> None:
    holder, key = holder_of(*BOTH), a_key()

    async def exchange(shown: str) -> KeyExchange:
        return worth(holder) if shown == key else KeyExchange(refusal=Refusal.UNKNOWN)

    async with live(exchange=exchange) as gate, gate.stream("", x_api_key=key) as stream:
        assert stream.answer.status_code == 200
        await begun(stream)
        assert all(token.startswith("eyJ") for token in gate.services.tokens)
        await gate.happens(job_event(holder, "succeeded"))
        assert (await stream.event())["event"] == "jobs.job.succeeded"
        await gate.revoke(holder.session_id)
        assert (await stream.event())["event"] == "revoked"


@pytest.mark.parametrize("scopes", [(), ("jobs:read",), ("videos:read", "jobs:write")])
async def test_a_stream_is_closed_to_keys_that_lack_a_scope(scopes: tuple[str, ...]) -> None:
    async def exchange(_: str) -> KeyExchange:
        return worth(holder_of(*scopes))

    async with live(exchange=exchange) as gate, gate.stream("", x_api_key=a_key()) as stream:
        await stream.answer.aread()
        problem = stream.answer.json()
    assert (stream.answer.status_code, problem["code"]) == (403, "scope_missing")


async def test_a_websocket_takes_no_key_and_says_what_does() -> None:
    async with live() as gate:
        with pytest.raises(InvalidStatus) as refused:
            await gate.socket(a_key())
    assert refused.value.response.status_code == 403
    assert b"/api/events" in refused.value.response.body


async def test_a_withdrawn_signing_key_ends_the_connections_that_it_opened() -> None:
    async with live() as gate, gate.stream(token_of(a_user())) as stream:
        await begun(stream)
        gate.keys.withdrawn()
        assert (await stream.event())["event"] == "revoked"
        with pytest.raises((EOFError, httpx.RemoteProtocolError)):
            await asyncio.wait_for(stream.event(), 5)
