"""The provider of an OpenAI-compatible server: what its answers, and its failures, become."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from jobs_service.generation import openai_chat
from jobs_service.generation.domain import Asked, Delta, Ending, Message, Role, Text, Usage
from jobs_service.generation.problems import (
    ContentRefused,
    ContextTooLong,
    ModelUnknown,
    ProviderAnswerMalformed,
    ProviderAway,
    ProviderFailed,
    ProviderKeyRefused,
    ProviderNotConfigured,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderTooSlow,
    TextCutOff,
)
from jobs_service.generation.provider import Providers
from jobs_service.generation.providers import build_providers
from shared.errors import Invalid, Problem
from tests.integration.generation.conftest import settings_for
from tests.support.chat_server import (
    CUT,
    KEY,
    MODEL,
    ChatServer,
    ending,
    event,
    refused,
    said,
    word,
)
from tests.support.loopback import free_port

ASKED = Asked(messages=(Message(Role.USER, "Say hello"),), max_tokens=20)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_chat, "RETRY_DELAYS", (0.0, 0.0))


@pytest.fixture(scope="session")
async def texts(_chat: ChatServer) -> AsyncIterator[Providers]:
    made = build_providers(settings_for(_chat))
    yield made
    await made.aclose()


async def failure(texts: Providers) -> Problem:
    with pytest.raises(Problem) as raised:
        await texts.whole(ASKED)
    assert KEY not in str(raised.value) + str(raised.value.errors)
    return raised.value


async def failure_with(chat: ChatServer, **settings: Any) -> Problem:
    async with aclosing(build_providers(settings_for(chat, **settings))) as texts:
        return await failure(texts)


async def test_a_text_comes_whole_with_its_usage(chat: ChatServer, texts: Providers) -> None:
    chat.replies = [said("Hello", " there", usage=(7, 2))]
    assert await texts.whole(ASKED) == Text("Hello there", "stop", "openai", MODEL, Usage(7, 2))
    assert chat.keys == [f"Bearer {KEY}"]


async def test_what_is_asked_for_is_passed_on(chat: ChatServer, texts: Providers) -> None:
    asked = Asked(
        messages=(Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "안녕")),
        max_tokens=5,
        temperature=0.3,
        stop=("END",),
        seed=7,
        language="ko",
    )
    await texts.whole(asked)
    (sent,) = chat.requests
    told = "Be brief.\n\nAnswer in the language whose BCP 47 tag is ko."
    assert sent["messages"] == [
        {"role": "system", "content": told},
        {"role": "user", "content": "안녕"},
    ]
    del sent["messages"]
    assert sent == {
        "model": MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "temperature": 0.3,
        "stop": ["END"],
        "seed": 7,
    }


async def test_characters_and_lines_may_be_cut_anywhere(chat: ChatServer, texts: Providers) -> None:
    stream = b"".join(said("안녕, ", "마당\u2028에", " 오신 것을"))
    chat.replies = [[stream[at : at + 1] for at in range(len(stream))]]
    assert (await texts.whole(ASKED)).text == "안녕, 마당\u2028에 오신 것을"


async def test_comments_and_other_line_ends_are_read_over(
    chat: ChatServer, texts: Providers
) -> None:
    lines = [b": ping\r\n\r\n", word("Hi").replace(b"\n", b"\r\n"), b": OPENROUTER\n\n", *ending()]
    chat.replies = [lines]
    assert (await texts.whole(ASKED)).text == "Hi"


@pytest.mark.parametrize(
    "told", [[], [event(choices=[], usage=None)], [event(choices=[], usage={"total_tokens": 5})]]
)
async def test_usage_that_is_not_told_is_estimated(
    chat: ChatServer, texts: Providers, told: list[bytes]
) -> None:
    *text, end = said("Hello", " there", usage=None)
    chat.replies = [[*text, *told, end]]
    usage = (await texts.whole(ASKED)).usage
    assert usage.estimated
    assert usage.completion_tokens == 3


async def test_a_text_may_be_as_long_as_it_may_be(chat: ChatServer, texts: Providers) -> None:
    chat.replies = [[word("Hel"), *ending("length")]]
    assert (await texts.whole(ASKED)).finish_reason == "length"


async def test_a_text_may_end_without_the_last_event(chat: ChatServer, texts: Providers) -> None:
    chat.replies = [[word("Hi"), ending()[0]]]
    assert (await texts.whole(ASKED)).text == "Hi"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"), ProviderKeyRefused),
        (refused(403, "unsupported_country"), ProviderKeyRefused),
        (refused(429, "insufficient_quota", type="insufficient_quota"), ProviderQuotaExhausted),
        (refused(402), ProviderQuotaExhausted),
        (refused(404, "model_not_found", "The model does not exist"), ModelUnknown),
        (refused(404), ProviderAnswerMalformed),
        (refused(400, "context_length_exceeded", "maximum context length is 10"), ContextTooLong),
        (refused(400, "content_filter"), ContentRefused),
        (refused(302), ProviderAnswerMalformed),
        (refused(200), ProviderAnswerMalformed),
        ([b"data: {\n\n"], ProviderAnswerMalformed),
        ([b'data: {"choices": 1}\n\n'], ProviderAnswerMalformed),
        ([b"data: \xff\n\n"], ProviderAnswerMalformed),
        ([word("Hel"), event(error={"message": "overloaded"})], ProviderFailed),
        ([word("Hel"), event(error={"code": 429, "message": "slow down"})], ProviderRateLimited),
        ([word("Hel"), CUT], TextCutOff),
        ([word("Hel")], TextCutOff),
        ([word("Hel"), b'data: {"choi'], TextCutOff),
        ([word("Hel"), *ending("content_filter")], ContentRefused),
        ([event(choices=[{"index": 0, "delta": {"refusal": "I can't"}}])], ContentRefused),
    ],
)
async def test_each_failure_has_a_name_and_is_not_tried_again(
    chat: ChatServer, texts: Providers, reply: Any, kind: type[Problem]
) -> None:
    chat.replies = [reply]
    problem = await failure(texts)
    assert type(problem) is kind
    assert len(chat.requests) == 1


async def test_what_the_provider_says_of_a_field_is_passed_on(
    chat: ChatServer, texts: Providers
) -> None:
    message = f"Unsupported value with {KEY}"
    chat.replies = [refused(400, "unsupported_value", message, param="temperature")]
    problem = await failure(texts)
    assert type(problem) is Invalid
    assert problem.errors[0].field == "temperature"
    assert "Unsupported value" in problem.errors[0].message


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(500), ProviderFailed),
        (refused(503), ProviderFailed),
        (refused(429, headers={"retry-after": "1"}), ProviderRateLimited),
        ([b": begun\n\n", CUT], ProviderAway),
        ([], ProviderAway),
    ],
)
async def test_what_may_work_a_moment_later_is_tried_again(
    chat: ChatServer, texts: Providers, reply: Any, kind: type[Problem]
) -> None:
    chat.replies = [reply, reply]
    assert (await texts.whole(ASKED)).text == "Hello there"
    chat.replies = [reply, reply, reply]
    assert type(await failure(texts)) is kind
    assert len(chat.requests) == 6


async def test_a_long_pause_that_the_provider_asks_for_is_the_clients(
    chat: ChatServer, texts: Providers
) -> None:
    chat.replies = [refused(429, headers={"retry-after": "17"})]
    problem = await failure(texts)
    assert type(problem) is ProviderRateLimited
    assert problem.headers == {"retry-after": "17"}
    assert len(chat.requests) == 1


async def test_a_text_that_has_begun_is_not_begun_again(chat: ChatServer, texts: Providers) -> None:
    chat.replies = [[word("Hel"), event(error={"message": "overloaded"})]]
    await failure(texts)
    assert len(chat.requests) == 1


async def test_a_provider_that_does_not_begin_is_given_up(chat: ChatServer) -> None:
    chat.replies = [[60]]
    assert type(await failure_with(chat, text_first_seconds=0.1)) is ProviderTooSlow
    async with asyncio.timeout(5):
        await chat.client_left.wait()


async def test_a_provider_that_stops_in_the_middle_is_given_up(chat: ChatServer) -> None:
    chat.replies = [[word("Hel"), b": ping\n\n", 60]]
    assert type(await failure_with(chat, text_silence_seconds=0.1)) is ProviderTooSlow


async def test_a_provider_that_is_not_there_is_told(chat: ChatServer) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    assert type(await failure_with(chat, openai_base_url=nobody)) is ProviderAway


async def test_without_a_key_it_is_said_what_to_set(chat: ChatServer) -> None:
    openai = "https://api.openai.com/v1"
    settings = settings_for(chat, openai_api_key=None, openai_base_url=openai)
    async with aclosing(build_providers(settings)) as texts:
        with pytest.raises(ProviderNotConfigured, match="OPENAI_API_KEY"):
            texts.choose("openai").model_for(ASKED)


async def test_a_server_of_ones_own_needs_no_key(chat: ChatServer) -> None:
    async with aclosing(build_providers(settings_for(chat, openai_api_key=None))) as texts:
        await texts.whole(ASKED)
    assert chat.keys == [None]


async def test_only_models_that_are_offered_can_be_asked_for(chat: ChatServer) -> None:
    settings = settings_for(chat, text_models="small, large")
    async with aclosing(build_providers(settings)) as texts:
        await texts.whole(Asked(messages=ASKED.messages, model="large"))
        assert chat.requests[0]["model"] == "large"
        with pytest.raises(ModelUnknown) as raised:
            await texts.whole(Asked(messages=ASKED.messages, model="huge"))
    assert "small, large" in raised.value.errors[0].message


async def test_a_piece_is_there_before_the_next_is_made(chat: ChatServer, texts: Providers) -> None:
    go_on = asyncio.Event()
    chat.replies = [[word("Hel"), go_on, word("lo"), *ending()]]
    pieces = texts.stream(texts.choose(), ASKED)
    assert await anext(pieces) == Delta("Hel")
    go_on.set()
    assert [one async for one in pieces] == [Delta("lo"), Ending("stop", Usage(9, 2))]


async def test_who_stops_reading_ends_the_work(chat: ChatServer, texts: Providers) -> None:
    chat.replies = [[word("Hel"), 60]]
    pieces = texts.stream(texts.choose(), ASKED)
    await anext(pieces)
    await pieces.aclose()
    async with asyncio.timeout(5):
        await chat.client_left.wait()
