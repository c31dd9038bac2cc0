"""A process is killed while it writes a text: what was held for it comes back."""

import asyncio

import httpx
import pytest

from tests.integration.generation.conftest import events_of
from tests.support.chat_server import ChatServer, word
from tests.support.front_end import FrontEnd, until
from tests.support.suite import Suite

PATH = "/api/v2/generate"


async def test_a_text_whose_process_is_killed_costs_nothing_and_its_key_is_free_again(
    suite: Suite, user: FrontEnd, suite_chat: ChatServer
) -> None:
    before = await user.balance()
    asked = {"prompt": "word " * 1000, "provider": "openai", "stream": True}
    headers = {"idempotency-key": "killed"}
    process = suite.processes.get("jobs") or suite.processes["suite"]
    suite_chat.replies = [[word("Hel"), 60]]
    async with user.http.stream("POST", PATH, json=asked, headers=headers) as answer:
        events = events_of(answer)
        await anext(events)
        assert (await user.balance())["held"] > 0
        process.kill()
        with pytest.raises(httpx.RemoteProtocolError):  # nobody takes it for the whole text
            await anext(events)
    process.start()
    await suite.wait_ready()

    async def came_back() -> bool:
        return await user.balance() == before

    await until(came_back)
    async with asyncio.timeout(5):
        await suite_chat.client_left.wait()
    asked["stream"] = False
    told = await user.call("POST", PATH, json=asked, headers=headers)
    assert (told["text"], told["credits"]) == ("Hello there", 1)
