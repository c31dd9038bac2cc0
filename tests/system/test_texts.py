"""Texts as a front end asks for them, through the gateway, over both topologies."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.generation.conftest import events_of
from tests.support.chat_server import ChatServer, ending, event, refused, said, word
from tests.support.front_end import FrontEnd, until
from tests.support.suite import Suite

PATH = "/api/v2/generate"
LONG = "word " * 1000  # so that the prompt alone costs more than a credit
ASKED = {"prompt": LONG, "provider": "openai", "max_tokens": 2000}


async def newest_job(user: FrontEnd) -> dict[str, Any]:
    """The newest job of `user`, once it has ended."""
    (job,) = (await user.call("GET", "/api/jobs", params={"limit": 1}))["items"]
    return await user.finished(job["id"], seconds=10)


async def test_a_text_is_answered_and_given_again_to_who_asks_for_that(user: FrontEnd) -> None:
    before = (await user.balance())["balance"]
    asked = {"prompt": "Questions about gardening", "cache": True}
    told = await user.call("POST", PATH, json=asked)
    assert "gardening" in told["text"]
    assert (told["provider"], told["credits"]) == ("offline", 1)
    again = await user.call("POST", f"{PATH}/", json=asked)
    assert again == {**told, "credits": 0, "cached": True}
    assert await user.balance() == {"balance": before - 1, "held": 0}


async def test_a_text_is_streamed_as_it_is_written(user: FrontEnd, suite_chat: ChatServer) -> None:
    before = (await user.balance())["balance"]
    go_on = asyncio.Event()
    suite_chat.replies = [[word("안녕"), go_on, word("하세요"), *ending(usage=(1400, 300))]]
    asked = {**ASKED, "stream": True}
    async with user.http.stream("POST", PATH, json=asked) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = events_of(answer)
        assert await anext(events) == ("delta", {"text": "안녕"})
        assert (await user.balance())["held"] == 10
        go_on.set()
        assert await anext(events) == ("delta", {"text": "하세요"})
        name, end = await anext(events)
    assert (name, end["finish_reason"], end["credits"]) == ("done", "stop", 2)
    assert await user.balance() == {"balance": before - 2, "held": 0}


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_before_the_first_byte_pays_nothing_and_the_model_stops(
    user: FrontEnd, suite_chat: ChatServer, stream: bool
) -> None:
    before = await user.balance()
    suite_chat.replies = [[event(choices=[]), 60]]
    with pytest.raises(httpx.ReadTimeout):
        await user.http.post(PATH, json={**ASKED, "stream": stream}, timeout=0.5)
    async with asyncio.timeout(10):
        await suite_chat.client_left.wait()
    job = await newest_job(user)
    assert (job["error"]["code"], job["spent"]) == ("client_left", 0)
    assert await user.balance() == before


async def test_who_leaves_in_the_middle_pays_for_what_they_have(
    user: FrontEnd, suite_chat: ChatServer
) -> None:
    before = (await user.balance())["balance"]
    suite_chat.replies = [[word("word " * 400), 60]]
    async with user.http.stream("POST", PATH, json={**ASKED, "stream": True}) as answer:
        await anext(events_of(answer))
    async with asyncio.timeout(10):
        await suite_chat.client_left.wait()
    job = await newest_job(user)
    assert job["error"]["code"] == "client_left"
    assert 2 <= job["spent"] <= 4 < job["credits"]
    assert await user.balance() == {"balance": before - job["spent"], "held": 0}


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (refused(401, "invalid_api_key"), 503, "provider_key_refused"),
        (refused(429, "insufficient_quota"), 503, "provider_quota_exhausted"),
        (refused(429, headers={"retry-after": "17"}), 503, "provider_rate_limited"),
        (httpx.codes.OK, 502, "provider_answer_malformed"),
    ],
)
async def test_each_failure_of_the_provider_reaches_the_client_as_itself(
    user: FrontEnd, suite_chat: ChatServer, reply: Any, status: int, code: str
) -> None:
    before = await user.balance()
    suite_chat.replies = [[b"data: {\n\n"] if reply is httpx.codes.OK else reply]
    told = await user.call("POST", PATH, status, json=ASKED)
    assert (told["code"], told["credits"]) == (code, 0)
    assert await user.balance() == before


async def test_a_guest_and_a_program_may_ask_within_their_rights(
    suite: Suite, user: FrontEnd
) -> None:
    guest = FrontEnd(suite.client())
    session = await guest.call("POST", "/api/auth/guest", 201)
    guest.http.headers["authorization"] = f"Bearer {session['access_token']}"
    await until(guest.has_credits)
    before = (await guest.balance())["balance"]
    await guest.call("POST", PATH, json={"prompt": "Hi"})
    assert await guest.balance() == {"balance": before - 1, "held": 0}
    await guest.http.aclose()
    for scope, status in (("jobs:write", 200), ("jobs:read", 403)):
        wanted = {"name": "program", "scopes": [scope]}
        key = (await user.call("POST", "/api/auth/api-keys", 201, json=wanted))["key"]
        async with suite.client() as http:
            program = FrontEnd(http)
            http.headers["x-api-key"] = key
            told = await program.call("POST", PATH, status, json={"prompt": "Hi"})
        assert status == 200 or told["code"] == "scope_missing"
    async with suite.client() as http:
        await FrontEnd(http).call("POST", PATH, 401, json={"prompt": "Hi"})


async def test_a_text_is_written_as_a_job(user: FrontEnd, suite_chat: ChatServer) -> None:
    suite_chat.replies = [said("Hello", " there", usage=(1400, 300))]
    asked = {"type": "text", **ASKED}
    estimate = await user.call("POST", "/api/credits/estimate", json=asked)
    job = await user.call("POST", "/api/jobs", 202, json=asked)
    assert job["credits"] == estimate["credits"] == 10
    done = await user.finished(job["id"])
    assert (done["status"], done["spent"]) == ("succeeded", 2)
    assert done["result"]["text"] == "Hello there"
