"""What every front end meets first: health, CORS, tokens, paths, one description of it all."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openapi_spec_validator import validate

from tests.support.front_end import FrontEnd, until
from tests.support.suite import Suite

ORIGIN = "https://app.example"


async def test_health_as_the_contract_has_it(suite: Suite) -> None:
    async with suite.client() as http:
        root = (await http.get("/")).json()
        assert root["status"] == "running"
        assert (await http.get("/health")).json()["status"] == "healthy"
        full = (await http.get("/health/full")).json()
    assert full["status"] == "healthy"
    expected = {"api", "auth", "content", "jobs", "database", "broker", "cache", "storage"}
    assert set(full["services"]) == expected


async def test_every_public_call_is_described_once_for_all(suite: Suite) -> None:
    async with suite.client() as http:
        document = (await http.get("/openapi.json")).json()
        page = await http.get("/docs")
    validate(document)
    paths = set(document["paths"])
    assert {"/api/auth/register", "/api/videos", "/api/jobs", "/api/credits/balance"} <= paths
    assert not [path for path in paths if path.startswith("/internal")]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["responses"], path
    assert page.status_code == 200
    assert "https://" not in page.text, "the page must need nothing from elsewhere"


async def test_an_allowed_origin_gets_exact_cors_headers(suite: Suite) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST",
             "access-control-request-headers": "authorization,content-type"}  # fmt: skip
    async with suite.client() as http:
        preflight = await http.options("/api/posts", headers=asked)
        answer = await http.get("/health", headers={"origin": ORIGIN})
        foreign = await http.get("/health", headers={"origin": "https://evil.example"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize("path", ["/api/users/login/", "/api/auth/login/", "/api/auth/login"])
async def test_a_trailing_slash_is_no_redirect(user: FrontEnd, path: str) -> None:
    form = {"username": user.name, "password": "Courtyard-42"}
    assert (await user.call("POST", path, data=form))["token_type"] == "bearer"


async def test_sessions_live_turn_over_and_end(user: FrontEnd) -> None:
    me = await user.call("GET", "/api/auth/me")
    assert me["email"] == user.email
    fresh = await user.call(
        "POST", "/api/auth/refresh", json={"refresh_token": user.session["refresh_token"]}
    )
    user.http.headers["authorization"] = f"Bearer {fresh['access_token']}"
    await user.call("GET", "/api/credits/balance")
    answer = await user.http.post("/api/auth/logout")
    assert answer.is_success
    for path in ("/api/auth/me", "/api/credits/balance", "/api/videos"):
        await until(lambda path=path: refused(user.http, path), seconds=1)
    body = {"refresh_token": fresh["refresh_token"]}
    await user.call("POST", "/api/auth/refresh", 401, json=body)


async def refused(http: httpx.AsyncClient, path: str) -> bool:
    """Whether a call is refused for its token."""
    return (await http.get(path)).status_code == 401


def forged(genuine: str) -> dict[str, str]:
    """Tokens that look like `genuine` and must not pass, by what is wrong with them."""
    header = jwt.get_unverified_header(genuine)
    claims = jwt.decode(genuine, options={"verify_signature": False})
    stranger = Ed25519PrivateKey.generate()
    past = datetime.now(UTC) - timedelta(hours=1)
    head, body, _ = genuine.split(".")
    other_body = base64.urlsafe_b64encode(json.dumps(claims | {"sub": claims["sid"]}).encode())
    return {
        "foreign key": jwt.encode(claims, stranger, "EdDSA", headers={"kid": header["kid"]}),
        "expired": jwt.encode(claims | {"exp": past}, stranger, "EdDSA", headers=header),
        "alg none": jwt.encode(claims, "", "none", headers={"kid": header["kid"]}),
        "unsigned": f"{head}.{body}.",
        "changed": f"{head}.{other_body.rstrip(b'=').decode()}.{genuine.split('.')[2]}",
        "garbage": "abc.def.ghi",
    }


async def test_forged_tokens_are_refused_at_the_gateway_and_at_every_service(
    user: FrontEnd, suite: Suite
) -> None:
    genuine = user.session["access_token"]
    keys = (await user.call("GET", "/.well-known/jwks.json"))["keys"]
    tokens = forged(genuine)
    for key in keys:
        public = base64.urlsafe_b64decode(key["x"] + "==")
        claims = jwt.decode(genuine, options={"verify_signature": False})
        tokens["HS256 with the public key"] = jwt.encode(
            claims, public, "HS256", headers={"kid": key["kid"]}
        )
    doors = {"/api/auth/me": "auth", "/api/videos": "content", "/api/jobs": "jobs"}
    async with httpx.AsyncClient() as http:
        for path, name in doors.items():
            for base in {suite.address, suite.services.get(name, suite.address)}:
                for fault, token in tokens.items():
                    headers = {"authorization": f"Bearer {token}"}
                    answer = await http.get(base + path, headers=headers)
                    assert answer.status_code == 401, (base, path, fault)
                good = {"authorization": f"Bearer {genuine}"}
                assert (await http.get(base + path, headers=good)).status_code == 200


async def test_an_invented_identity_header_is_worth_nothing(user: FrontEnd, suite: Suite) -> None:
    me = await user.call("GET", "/api/auth/me")
    invented = {"x-user-id": str(me["id"]), "x-authenticated-user": str(me["id"])}
    async with httpx.AsyncClient() as http:
        for base in {suite.address, *suite.services.values()} - {suite.services.get("worker")}:
            for path in ("/api/auth/me", "/api/videos", "/api/jobs"):
                answer = await http.get(base + path, headers=invented)
                assert answer.status_code in (401, 404), (base, path)
                assert answer.status_code != 200


@pytest.mark.parametrize(
    "path", ["/internal/revocations", "//internal/revocations", "/api/../internal/revocations",
             "/%69nternal/revocations", "/api/auth/..%2f..%2finternal/revocations"]
)  # fmt: skip
async def test_internal_paths_are_not_reached_from_outside(suite: Suite, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n".encode()
    address = httpx.URL(suite.address)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ", 2)[1] in (b"400", b"404"), answer[:200]
