"""A program with an API key, over both topologies."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.front_end import FrontEnd
from tests.support.suite import Suite

PATH = "/api/auth/api-keys"


@pytest.fixture
async def program(suite: Suite, user: FrontEnd) -> AsyncIterator[FrontEnd]:
    """A program of `user`'s, with a key that may upload and read videos and nothing else."""
    made = await make(user)
    async with suite.client() as http:
        http.headers["x-api-key"] = made["key"]
        yield FrontEnd(http, session=made["api_key"])


async def make(user: FrontEnd, *scopes: str) -> dict[str, Any]:
    body = {"name": "import", "scopes": scopes or ("videos:read", "videos:write")}
    made: dict[str, Any] = await user.call("POST", PATH, 201, json=body)
    return made


async def test_a_program_uploads_a_video_for_its_owner(user: FrontEnd, program: FrontEnd) -> None:
    video = await program.upload()
    assert [one["id"] for one in (await user.call("GET", "/api/videos"))["items"]] == [video["id"]]
    content = await program.http.get(f"/api/videos/{video['id']}/content")
    assert content.status_code == 200
    assert (await user.call("GET", PATH))["items"][0]["last_used_at"]


async def test_a_key_as_the_bearer_token_does_as_well(user: FrontEnd, program: FrontEnd) -> None:
    key = program.http.headers.pop("x-api-key")
    program.http.headers["authorization"] = f"Bearer {key}"
    assert (await program.call("GET", "/api/videos"))["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/jobs", "scope_missing"),
        ("GET", "/api/jobs", "scope_missing"),
        ("GET", "/api/credits/balance", "scope_missing"),
        ("GET", "/api/auth/me", "scope_missing"),
        ("GET", "/api/events", "scope_missing"),
        ("GET", "/api/admin/users", "scope_missing"),
        ("GET", PATH, "session_required"),
        ("POST", PATH, "session_required"),
        ("POST", "/api/auth/logout", "session_required"),
    ],
)
async def test_a_program_is_refused_what_its_key_is_not_for(
    program: FrontEnd, method: str, path: str, code: str
) -> None:
    assert (await program.call(method, path, 403, json={}))["code"] == code


async def test_a_revoked_key_is_refused_everywhere_within_a_tenth_of_a_second(
    user: FrontEnd, program: FrontEnd
) -> None:
    paths = ("/api/videos", f"/api/videos/{program.session['id']}")
    for path in paths:
        assert (await program.http.get(path)).status_code in (200, 404)
    await user.call("DELETE", f"{PATH}/{program.session['id']}", 204)
    revoked = time.monotonic()
    accepted = revoked
    while time.monotonic() < revoked + 0.3:
        for path in paths:
            sent = time.monotonic()
            answer = await program.http.get(path)
            if answer.status_code != 401:
                accepted = sent
            else:
                problem = answer.json()
                assert (problem["code"], problem["reason"]) == ("api_key_invalid", "revoked")
        await asyncio.sleep(0.002)
    late = (accepted - revoked) * 1000
    sys.stdout.write(f"last accepted {late:.1f} ms after the answer to the revocation\n")
    assert accepted - revoked < 0.1
    assert (await program.call("GET", "/api/videos", 401))["reason"] == "revoked"


async def test_invented_and_mistyped_keys_are_told_apart(suite: Suite, program: FrontEnd) -> None:
    key = program.http.headers["x-api-key"]
    mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
    async with suite.client() as http:
        for wrong, reason in [(mistyped, "malformed"), (KEY_OF_NOBODY, "unknown")]:
            answer: httpx.Response = await http.get("/api/videos", headers={"x-api-key": wrong})
            assert (answer.status_code, answer.json()["reason"]) == (401, reason)


KEY_OF_NOBODY = "mdg_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP"


async def test_a_program_hears_live_of_what_its_key_may_read(suite: Suite, user: FrontEnd) -> None:
    made = await make(user, "videos:read", "videos:write", "jobs:read")
    async with suite.client() as http:
        http.headers["x-api-key"] = made["key"]
        async with http.stream("GET", "/api/events") as stream, asyncio.timeout(30):
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            async for line in lines:
                if line == "event: snapshot":
                    break
            await FrontEnd(http).upload()
            async for line in lines:
                if line == "event: content.video.ready":
                    break
            await user.call("DELETE", f"{PATH}/{made['api_key']['id']}", 204)
            async for line in lines:
                if line == "event: revoked":
                    break
            else:
                pytest.fail("the stream has ended without a word")


async def test_the_document_names_the_scope_of_every_call_that_takes_a_key(
    suite: Suite, user: FrontEnd
) -> None:
    document = await user.call("GET", "/openapi.json")
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "X-API-Key"
    described = document["paths"][PATH]["post"]["description"]
    needed = {
        scope
        for operations in document["paths"].values()
        for operation in operations.values()
        for one in operation.get("security", [])
        for scope in one.get("apiKey", [])
    }
    assert {"videos:write", "jobs:read", "profile:read", "admin:users:read"} <= needed
    assert [scope for scope in needed if f"`{scope}`" not in described] == []
