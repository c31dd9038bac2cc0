"""`POST /api/v2/generate`: what it answers, and what it costs, however it ends."""

import asyncio
from typing import Any

import httpx
import pytest

from jobs_service.credits.domain import Balance
from jobs_service.credits.prices import PriceList
from jobs_service.credits.repository import Credits
from jobs_service.generation import answers, openai_chat
from jobs_service.generation.domain import Usage
from jobs_service.generation.schemas import EXAMPLE_ANSWER, EXAMPLE_STREAM, TextRequest
from jobs_service.generation.use_cases import BeginText, FindSameText, ForgetTexts
from jobs_service.guests.use_cases import AdoptGuest
from jobs_service.jobs.domain import JobAnswers, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.submit import SubmitJob
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.people.use_cases import EraseOwner
from jobs_service.work.use_cases import ClaimJob, SweepJobs
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.generation.conftest import (
    PATH,
    WELCOME,
    Writer,
    answer_of,
    events_of,
    kinds_of,
    serving,
    settings_for,
    user_of,
    writing,
)
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
from tests.support.clock import MovableClock

LONG = "word " * 1000  # so that the prompt alone costs more than a credit


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_chat, "RETRY_DELAYS", (0.0,))


async def test_a_text_is_answered_and_what_it_took_is_spent(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [said("Hello", " there", usage=(1400, 300))]
    told = await writer.ask(prompt=LONG, max_tokens=1000)
    answer = answer_of(told)
    assert (answer.text, answer.finish_reason, answer.provider, answer.model) == (
        "Hello there",
        "stop",
        "openai",
        MODEL,
    )
    assert (answer.usage, answer.credits, answer.cached) == (Usage(1400, 300), 2, False)
    job = await writer.job(told["id"])
    assert (job.status, job.price, job.spent) == (JobStatus.SUCCEEDED, 8, 2)
    assert await writer.balance() == Balance(WELCOME - 2, 0)


async def test_what_a_text_may_cost_is_held_while_it_is_written(
    writer: Writer, chat: ChatServer
) -> None:
    go_on = asyncio.Event()
    chat.replies = [[word("Hel"), go_on, *ending()]]
    async with writer.streaming(prompt=LONG, max_tokens=1000) as events:
        await anext(events)
        assert await writer.balance() == Balance(WELCOME - 8, 8)
        go_on.set()
        assert [name async for name, _ in events] == ["done"]
    assert await writer.balance() == Balance(WELCOME - 1, 0)


async def test_a_provider_never_takes_more_than_was_held(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [said("Hello", usage=(90_000, 90_000))]
    assert (await writer.ask())["credits"] == (await writer.job()).price == 2
    assert await writer.balance() == Balance(WELCOME - 2, 0)


async def test_a_text_is_streamed_as_it_is_written(writer: Writer, chat: ChatServer) -> None:
    go_on = asyncio.Event()
    chat.replies = [[word("안녕"), go_on, word("하세요"), *ending(usage=(5, 4))]]
    async with writer.streaming() as events:
        assert await anext(events) == ("delta", {"text": "안녕"})
        go_on.set()
        assert await anext(events) == ("delta", {"text": "하세요"})
        name, end = await anext(events)
    job = await writer.job()
    assert (name, end) == (
        "done",
        {
            "id": str(job.id),
            "finish_reason": "stop",
            "provider": "openai",
            "model": MODEL,
            "usage": {"prompt_tokens": 5, "completion_tokens": 4, "estimated": False},
            "credits": 1,
            "cached": False,
        },
    )


async def test_a_stream_goes_over_the_wire_as_it_is_documented(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [said("1. What first", " made you think about gardening?", usage=(19, 10))]
    answer = await writer.http.post(PATH, json={"prompt": "Say hello", "stream": True})
    documented = EXAMPLE_STREAM.replace(str(EXAMPLE_ANSWER.id), str((await writer.job()).id))
    assert answer.text == documented


async def test_a_stream_that_pauses_shows_that_it_lives(
    writer: Writer, chat: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "SECONDS_BETWEEN_SIGNS", 0.02)
    go_on = asyncio.Event()
    chat.replies = [[word("Hel"), go_on, *ending()]]
    asked = {"prompt": "Say hello", "stream": True}
    async with writer.http.stream("POST", PATH, json=asked) as answer:
        lines = answer.aiter_lines()
        seen = [await anext(lines) for _ in range(7)]
        go_on.set()
        rest = [line async for line in lines]
    sign = [": still writing", ""]
    assert seen == ["event: delta", 'data: {"text":"Hel"}', "", *sign, *sign]
    assert "event: done" in rest


async def test_who_accepts_events_gets_them_without_asking(
    writer: Writer, chat: ChatServer
) -> None:
    for body, wanted in (({}, "text/event-stream"), ({"stream": False}, "application/json")):
        answer = await writer.http.post(
            PATH, json={"prompt": "Hi", **body}, headers={"accept": "text/event-stream"}
        )
        assert answer.headers["content-type"].startswith(wanted)
        assert answer.headers["cache-control"] == "no-store"


async def test_a_conversation_and_its_options_reach_the_model(
    writer: Writer, chat: ChatServer
) -> None:
    conversation = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Go on"},
    ]
    await writer.ask(prompt=None, messages=conversation, system="Be brief.", temperature=0)
    assert chat.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        *conversation,
    ]
    assert chat.requests[0]["temperature"] == 0


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"prompt": None}, "prompt", "is required"),
        ({"prompt": "   "}, "prompt", "more than spaces"),
        ({"messages": [{"role": "user", "content": "x"}]}, "messages", "cannot go with"),
        (
            {"prompt": None, "messages": [{"role": "assistant", "content": "x"}]},
            "messages",
            "`user`",
        ),
        ({"prompt": "x" * 20_000, "system": "y" * 20_000}, "prompt", "it has 40000"),
        ({"prompt": "x" * 40_000}, "prompt", "32000"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"temperature": 3}, "temperature", "<= 2"),
        ({"stop": ["a"] * 5}, "stop", "<= 4"),
        ({"language": "korean!"}, "language", "match"),
        ({"model": "gpt-huge"}, "model", MODEL),
        ({"provider": "elsewhere"}, "provider", "elsewhere"),
        ({"provider": "offline", "language": "fr"}, "language", "en and ko"),
        ({"promt": "x"}, "promt", "known are"),
    ],
)
async def test_what_is_wrong_is_named_and_costs_nothing(
    writer: Writer, body: dict[str, Any], field: str, words: str
) -> None:
    told = await writer.ask(422, **body)
    assert [one["field"] for one in told["errors"]] == [field]
    assert words in told["errors"][0]["message"]
    assert await writer.balance() == Balance(WELCOME, 0)


async def test_too_few_credits_are_told_before_anything_is_asked(
    writer: Writer, chat: ChatServer
) -> None:
    told = await writer.ask(402, prompt=LONG, max_tokens=8000)
    assert (told["code"], chat.requests) == ("not_enough_credits", [])
    assert await writer.balance() == Balance(WELCOME, 0)


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (refused(401, "invalid_api_key", f"Incorrect: {KEY}"), 503, "provider_key_refused"),
        (refused(429, "insufficient_quota"), 503, "provider_quota_exhausted"),
        (refused(500), 502, "provider_failed"),
        (refused(404, "model_not_found"), 422, "model_unknown"),
        (refused(400, "context_length_exceeded"), 422, "context_too_long"),
        ([word("Hel"), CUT], 502, "text_cut_off"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_before_the_first_byte_has_its_status_and_gives_all_back(
    writer: Writer, chat: ChatServer, reply: Any, status: int, code: str, stream: bool
) -> None:
    if stream and code == "text_cut_off":
        reply = [event(choices=[]), CUT]
        code = "provider_unreachable"
    chat.replies = [reply, reply]
    told = await writer.ask(status, stream=stream)
    assert (told["code"], told["credits"]) == (code, 0)
    assert KEY not in str(told)
    job = await writer.job(told["job_id"])
    assert (job.status, job.error_code, job.spent) == (JobStatus.FAILED, code, 0)
    assert await writer.balance() == Balance(WELCOME, 0)


async def test_when_to_ask_again_is_passed_on(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [refused(429, headers={"retry-after": "17"})]
    answer = await writer.http.post(PATH, json={"prompt": "Hi"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "17")
    assert answer.json()["code"] == "provider_rate_limited"


async def test_a_text_that_breaks_off_costs_what_there_is_of_it(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [[word("word " * 400), CUT]]
    *_, (name, told) = await writer.streamed(prompt=LONG, max_tokens=2000)
    assert (name, told["code"], told["status"]) == ("error", "text_cut_off", 502)
    job = await writer.job(told["job_id"])
    assert (job.status, job.price, job.spent) == (JobStatus.FAILED, 10, told["credits"])
    assert 2 <= told["credits"] <= 4
    assert await writer.balance() == Balance(WELCOME - told["credits"], 0)
    assert job.result is not None
    assert "word word" in job.result


async def test_a_refusal_in_the_middle_is_an_event(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [[word("Hel"), *ending("content_filter")]]
    (first, _), (last, told) = await writer.streamed()
    assert (first, last, told["code"]) == ("delta", "error", "content_refused")


async def test_who_leaves_before_the_first_byte_pays_nothing(
    writer: Writer, chat: ChatServer
) -> None:
    for stream in (False, True):
        chat.reset()
        chat.replies = [[event(choices=[]), 60]]
        asked = {"prompt": LONG, "stream": stream}
        with pytest.raises(httpx.ReadTimeout):
            await writer.http.post(PATH, json=asked, timeout=0.3)
        job = await writer.ended()
        assert (job.status, job.error_code, job.spent) == (JobStatus.FAILED, "client_left", 0)
        assert await writer.balance() == Balance(WELCOME, 0)
        async with asyncio.timeout(5):
            await chat.client_left.wait()


async def test_who_leaves_in_the_middle_pays_for_what_they_have(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [[word("word " * 400), 60]]
    async with writer.streaming(prompt=LONG, max_tokens=2000) as events:
        await anext(events)
    job = await writer.ended()
    assert (job.status, job.error_code) == (JobStatus.FAILED, "client_left")
    assert 2 <= (job.spent or 0) <= 4
    assert await writer.balance() == Balance(WELCOME - (job.spent or 0), 0)
    async with asyncio.timeout(5):
        await chat.client_left.wait()


async def test_a_provider_that_is_too_slow_is_told_and_costs_nothing(
    database: Database, chat: ChatServer
) -> None:
    limits = {"text_first_seconds": 0.2, "text_answer_seconds": 0.2, "text_stream_seconds": 0.4}
    async with writing(database, settings_for(chat, **limits)) as writer:
        chat.replies = [[60], [word("Hel"), 60], [word("Hel"), 60]]
        assert (await writer.ask(504))["code"] == "provider_too_slow"
        assert (await writer.ask(504))["code"] == "provider_too_slow"
        assert await writer.balance() == Balance(WELCOME, 0)
        (_, _), (name, told) = await writer.streamed()
        assert (name, told["code"], told["credits"]) == ("error", "provider_too_slow", 1)


async def test_a_key_is_answered_again_and_charged_once(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [said("First"), said("Second")]
    first = await writer.ask(key="once")
    assert await writer.ask(key="once") == first
    *deltas, (_, end) = await writer.streamed(key="once")
    assert deltas == [("delta", {"text": "First"})]
    assert end["id"] == first["id"]
    assert await writer.balance() == Balance(WELCOME - 1, 0)
    told = await writer.ask(422, key="once", prompt="Another")
    assert told["code"] == "idempotency_key_reused"


async def test_a_key_is_answered_again_before_the_cache_is_looked_at(
    writer: Writer, chat: ChatServer
) -> None:
    first = await writer.ask(key="once", cache=True)
    assert await writer.ask(key="once", cache=True) == first
    assert (await writer.ask(cache=True))["cached"] is True
    told = await writer.ask(422, key="once", cache=True, prompt="Another")
    assert told["code"] == "idempotency_key_reused"


async def test_two_at_once_with_one_key_are_one(writer: Writer, chat: ChatServer) -> None:
    go_on = asyncio.Event()
    chat.replies = [[word("Hel"), go_on, *ending()]]
    async with writer.streaming(key="once") as events:
        await anext(events)
        refusal = await writer.http.post(
            PATH, json={"prompt": "Say hello"}, headers={"idempotency-key": "once"}
        )
        assert (refusal.status_code, refusal.json()["code"]) == (409, "request_in_progress")
        assert int(refusal.headers["retry-after"]) > 0
        go_on.set()
        assert [name async for name, _ in events] == ["done"]
    assert len(chat.requests) == 1


async def test_a_key_whose_text_failed_for_nothing_may_be_used_again(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [refused(400, "content_filter")]
    await writer.ask(422, key="again")
    assert (await writer.ask(key="again"))["text"] == "Hello there"


async def test_a_key_whose_text_broke_off_says_so_again_and_costs_no_more(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [[word("Hel"), CUT]]
    (_, _), (_, first) = await writer.streamed(key="broken")
    (_, shown), (name, again) = await writer.streamed(key="broken")
    assert (shown, name) == ({"text": "Hel"}, "error")
    assert (again["job_id"], again["credits"]) == (first["job_id"], first["credits"])
    assert (await writer.ask(502, key="broken"))["job_id"] == first["job_id"]
    assert len(chat.requests) == 1
    assert await writer.balance() == Balance(WELCOME - 1, 0)


async def test_a_text_may_be_given_again_for_nothing(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [said("First"), said("Second"), said("Third")]
    first = await writer.ask(cache=True)
    again = await writer.ask(cache=True)
    assert again == {**first, "credits": 0, "cached": True}
    *deltas, (_, end) = await writer.streamed(cache=True)
    assert (deltas, end["cached"]) == ([("delta", {"text": "First"})], True)
    assert await writer.balance() == Balance(WELCOME - 1, 0)
    assert (await writer.ask(cache=True, temperature=1))["text"] == "Second"
    assert (await writer.ask())["text"] == "Third"


async def test_where_texts_are_free_nobody_needs_credits(
    database: Database, chat: ChatServer
) -> None:
    free = PriceList(text_per_1000_prompt_tokens=0, text_per_1000_completion_tokens=0)
    async with serving(database, settings_for(chat, prices=free)) as served:
        poor = Writer(UserId(uuid7()), httpx.AsyncClient(base_url=served.url), served.base)
        poor.http.headers["authorization"] = f"Bearer {poor.owner}"
        assert (await poor.ask())["credits"] == 0
        chat.replies = [[word("Hel"), CUT]]
        assert [name for name, _ in await poor.streamed(key="again")] == ["delta", "error"]
        assert (await poor.ask(key="again"))["text"] == "Hello there"
        await poor.http.aclose()


async def test_nobody_is_given_anothers_text(
    writer: Writer, chat: ChatServer, database: Database
) -> None:
    chat.replies = [said("Mine"), said("Theirs")]
    await writer.ask(cache=True)
    async with writing(database, settings_for(chat)) as other:
        assert (await other.ask(cache=True))["text"] == "Theirs"


async def test_a_user_has_a_few_texts_at_a_time(database: Database, chat: ChatServer) -> None:
    async with writing(database, settings_for(chat, text_running_per_user=1)) as writer:
        go_on = asyncio.Event()
        chat.replies = [[word("Hel"), go_on, *ending()]]
        async with writer.streaming() as events:
            await anext(events)
            refusal = await writer.http.post(PATH, json={"prompt": "Hi"})
            assert (refusal.status_code, refusal.json()["code"]) == (429, "too_many_texts")
            assert int(refusal.headers["retry-after"]) > 0
            go_on.set()
            assert [name async for name, _ in events] == ["done"]
        await writer.ask()


async def test_a_process_writes_so_many_texts_at_a_time(
    database: Database, chat: ChatServer
) -> None:
    async with writing(database, settings_for(chat, text_concurrency=1)) as writer:
        go_on = asyncio.Event()
        chat.replies = [[word("Hel"), go_on, *ending()]]
        async with writer.streaming() as events:
            await anext(events)
            refusal = await writer.http.post(PATH, json={"prompt": "Hi"})
            assert (refusal.status_code, refusal.json()["code"]) == (503, "generation_busy")
            assert int(refusal.headers["retry-after"]) > 0
            go_on.set()
            assert [name async for name, _ in events] == ["done"]
        await writer.ask()


async def test_a_long_text_keeps_its_lease(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [[word("Hel"), 1.8, *ending()]]  # the lease is of 1.5 s
    async with writer.streaming() as events:
        await anext(events)
        await asyncio.sleep(1.6)
        assert await SweepJobs(writer.base.database, 3)() == 0
        assert [name async for name, _ in events] == ["done"]


async def test_a_process_that_dies_gives_everything_back(writer: Writer) -> None:
    request = TextRequest(prompt="Hi")
    begin = BeginText(writer.base.database, SystemClock(), "dead", 0.0, 1)
    job = await begin(writer.owner, request, await writer.order(writer.owner, request), "key")
    assert await writer.balance() == Balance(WELCOME - job.price, job.price)
    assert await SweepJobs(writer.base.database, 3)() == 1
    failed = await writer.job()
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "worker_lost")
    assert await writer.balance() == Balance(WELCOME, 0)
    await writer.ask(key="another")


async def test_a_process_that_stops_ends_its_texts(database: Database, chat: ChatServer) -> None:
    chat.replies = [[word("word " * 400), 60]]
    async with serving(database, settings_for(chat)) as served, user_of(served) as writer:
        asked = {"prompt": LONG, "max_tokens": 2000, "stream": True}
        async with writer.http.stream("POST", PATH, json=asked) as answer:
            events = events_of(answer)
            await anext(events)
            served.stop()
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(events)
        job = await writer.ended()
        assert (job.status, job.error_code) == (JobStatus.FAILED, "interrupted")
        assert await writer.balance() == Balance(WELCOME - (job.spent or 0), 0)


async def test_no_worker_takes_up_a_text_that_is_written_elsewhere(writer: Writer) -> None:
    request = TextRequest(prompt="Hi")
    begin = BeginText(writer.base.database, SystemClock(), "here", 60, 1)
    await begin(writer.owner, request, await writer.order(writer.owner, request), None)
    assert await ClaimJob(writer.base.database, "worker", 60, 10)() is None


async def test_texts_that_are_being_read_keep_no_job_waiting(writer: Writer) -> None:
    database, request = writer.base.database, TextRequest(prompt="Hi")
    begin = BeginText(database, SystemClock(), "here", 60, 2)
    order = await writer.order(writer.owner, request)
    for _ in range(2):
        await begin(writer.owner, request, order, None)
    job = await SubmitJob(database, kinds_of(writer), SystemClock())(writer.owner, request, None)
    claimed = await ClaimJob(database, "worker", 60, per_user=1)()
    assert claimed is not None
    assert claimed.id == job.id


async def test_a_text_that_is_being_read_cannot_be_cancelled_for_its_credits(
    writer: Writer, chat: ChatServer
) -> None:
    go_on = asyncio.Event()
    chat.replies = [[word("Hel"), go_on, *ending()]]
    async with writer.streaming() as events:
        await anext(events)
        with pytest.raises(JobAnswers):
            await CancelJob(writer.base.database)(writer.owner, (await writer.job()).id)
        go_on.set()
        assert [name async for name, _ in events] == ["done"]


async def test_a_text_of_somebody_who_is_erased_stops(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [[word("Hel"), 60]]
    async with writer.streaming() as events:
        await anext(events)
        async with writer.base.database.transaction() as tx:
            await EraseOwner()(tx, writer.owner)
        name, told = await anext(events)
    assert (name, told["code"]) == ("error", "text_stopped")
    assert await writer.balance() == Balance(0, 0)
    async with asyncio.timeout(5):
        await chat.client_left.wait()


async def test_a_text_of_a_guest_goes_on_as_the_users(
    writer: Writer, chat: ChatServer, database: Database
) -> None:
    go_on = asyncio.Event()
    chat.replies = [[word("Hel"), go_on, *ending()]]
    user = UserId(uuid7())
    async with writer.streaming(cache=True) as events:
        await anext(events)
        async with database.transaction() as tx:
            await AdoptGuest()(tx, writer.owner, user)
        go_on.set()
        assert [name async for name, _ in events] == ["done"]
    assert await Credits(database).balance(user) == Balance(WELCOME - 1, 0)
    (job,) = await Jobs(database).list_of(user, 2, None)
    assert (job.status, job.spent) == (JobStatus.SUCCEEDED, 1)


async def test_a_bug_gives_everything_back(
    writer: Writer, chat: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(openai_chat, "body_of", broken)
    assert (await writer.ask(500))["code"] == "internal_error"
    assert (await writer.ended()).error_code == "internal_error"
    assert await writer.balance() == Balance(WELCOME, 0)


async def test_without_a_key_texts_are_made_of_templates_and_say_so(
    database: Database, chat: ChatServer
) -> None:
    offline = {"openai_api_key": None, "openai_base_url": "https://api.openai.com/v1"}
    async with writing(database, settings_for(chat, **offline)) as writer:
        told = await writer.ask(prompt="Questions about gardening")
        assert (told["provider"], told["model"]) == ("offline", "templates")
        assert "gardening" in told["text"]
        *deltas, _ = await writer.streamed(prompt="Questions about gardening")
        assert len(deltas) > 10
        assert "".join(data["text"] for _, data in deltas) == told["text"]
        refusal = await writer.ask(503, provider="openai")
        assert refusal["code"] == "provider_not_configured"
        assert "OPENAI_API_KEY" in refusal["detail"]


async def test_prompts_and_texts_are_forgotten_after_their_time(writer: Writer) -> None:
    await writer.ask(key="old", cache=True)
    clock = MovableClock(SystemClock().now())
    forget = ForgetTexts(writer.base.database, clock, 30)
    clock.advance(29 * 86_400)
    assert await forget() == 0
    clock.advance(2 * 86_400)
    assert (await forget(), await forget()) == (1, 0)
    job = await writer.job()
    assert (job.request, job.result, job.spent) == ('{"type":"text"}', None, 1)
    assert (await writer.ask(key="old", cache=True))["id"] != str(job.id)


async def test_a_text_is_not_given_again_after_its_time(
    database: Database, chat: ChatServer
) -> None:
    async with writing(database, settings_for(chat)) as writer:
        await writer.ask(cache=True)
        clock = MovableClock(SystemClock().now())
        find = FindSameText(database, clock, 24)
        order = await writer.order(writer.owner, TextRequest(prompt="Say hello", cache=True))
        assert await find(writer.owner, order) is not None
        clock.advance(24 * 3600)
        assert await find(writer.owner, order) is None
