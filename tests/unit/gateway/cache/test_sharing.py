"""Those who ask the same at the same time share one request to the upstream."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.cache import cache as module
from gateway.cache.cache import Cache
from gateway.upstream.proxy import AnswerBroken, ClientLeft
from shared.errors import BadGateway, Unavailable
from tests.support.caching import Posts, a_cache, behind
from tests.support.clock import MovableClock
from tests.unit.gateway.client import client_of

POSTS = "/api/posts"
HEADERS = [(b"content-length", b"2")]
FEW = 5


class Asking:
    """Several clients that ask the same at the same time."""

    def __init__(self, tasks: asyncio.TaskGroup, cache: Cache, upstream: ASGIApp) -> None:
        self._tasks = tasks
        self._app = behind(cache, upstream)

    async def __call__(
        self, number: int = 1, **headers: str
    ) -> list[asyncio.Task[httpx.Response | Exception]]:
        """Let `number` more ask, and wait until they have asked, or wait for another's answer."""
        started = [self._tasks.create_task(self._get(headers)) for _ in range(number)]
        for _ in range(10):
            await asyncio.sleep(0)
        return started

    async def _get(self, headers: dict[str, str]) -> httpx.Response | Exception:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            async with client_of(self._app) as client:
                return await client.get(POSTS, headers=named)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error


def texts(answers: list[asyncio.Task[httpx.Response | Exception]]) -> list[str]:
    found = [task.result() for task in answers]
    return [one.text if isinstance(one, httpx.Response) else repr(one) for one in found]


class Held(Posts):
    """Posts that answer when they are told to."""

    def __init__(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        super().__init__(*headers, status=status)
        self.may_answer.clear()


async def test_identical_misses_are_one_request() -> None:
    posts, cache = Held(), a_cache()
    async with asyncio.TaskGroup() as tasks:
        answers = await Asking(tasks, cache, posts)(FEW)
        posts.may_answer.set()
    assert texts(answers) == ["version 1"] * FEW
    assert (posts.asked, cache.misses, cache.hits) == (1, 1, FEW - 1)


async def test_whoever_waited_has_conditions_of_his_own() -> None:
    posts = Held((b"etag", b'"one"'))
    async with asyncio.TaskGroup() as tasks:
        ask = Asking(tasks, a_cache(), posts)
        (whole,) = await ask()
        (known,) = await ask(if_none_match='"one"')
        posts.may_answer.set()
    statuses = [one.result().status_code for one in (whole, known)]  # type: ignore[union-attr]
    assert (statuses, posts.asked) == ([200, 304], 1)


async def test_an_answer_for_another_language_is_not_shared() -> None:
    posts = Held((b"vary", b"Accept-Language"))
    async with asyncio.TaskGroup() as tasks:
        ask = Asking(tasks, a_cache(), posts)
        await ask(2, accept_language="de")
        await ask(2, accept_language="ko")
        posts.may_answer.set()
    assert posts.asked == 2
    assert {dict(one["headers"])[b"accept-language"] for one in posts.saw} == {b"de", b"ko"}


async def test_whoever_waited_for_what_cannot_be_shared_asks_for_himself_and_at_once() -> None:
    posts, others_may = Held((b"cache-control", b"private")), asyncio.Event()
    asked = 0

    async def private(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await others_may.wait()
        await posts(scope, receive, send)

    async with asyncio.TaskGroup() as tasks:
        ask = Asking(tasks, a_cache(), private)
        answers = await ask(FEW)
        assert asked == 1
        posts.may_answer.set()
        await answers[0]
        await ask(0)
        assert asked == FEW
        posts.version = 2
        others_may.set()
    assert texts(answers) == ["version 1", *["version 2"] * (FEW - 1)]


async def test_whoever_waited_for_a_stream_does_not_wait_for_its_end() -> None:
    ended = asyncio.Event()
    asked = 0

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await ended.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    async with asyncio.TaskGroup() as tasks:
        ask = Asking(tasks, a_cache(), stream)
        await ask(2)
        await ask(1)  # the stream is known as one by now
        assert asked == 3
        ended.set()


async def test_a_failure_is_not_shared() -> None:
    posts, failures = Posts(), [Unavailable("Once.")]
    go = asyncio.Event()

    async def failing_once(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        if failures:
            raise failures.pop()
        await posts(scope, receive, send)

    async with asyncio.TaskGroup() as tasks:
        answers = await Asking(tasks, a_cache(), failing_once)(3)
        go.set()
    assert texts(answers) == ["Unavailable('Once.')", "version 1", "version 1"]


def leaving(how: Callable[[], Awaitable[None]], posts: Posts) -> ASGIApp:
    """`posts`, whose first client goes away."""
    clients = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal clients
        clients += 1
        if clients == 1:
            await how()
        await posts(scope, receive, send)

    return app


async def test_when_the_first_client_leaves_another_one_takes_over_for_all() -> None:
    posts, leave = Posts(), asyncio.Event()

    async def left() -> None:
        await leave.wait()
        raise ClientLeft("It left.")

    async with asyncio.TaskGroup() as tasks:
        answers = await Asking(tasks, a_cache(), leaving(left, posts))(FEW)
        leave.set()
    assert texts(answers[1:]) == ["version 1"] * (FEW - 1)
    assert isinstance(answers[0].result(), ClientLeft)
    assert posts.asked == 1


async def test_when_the_first_request_is_cancelled_another_one_takes_over_for_all() -> None:
    posts = Held()
    cache = a_cache()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(call(behind(cache, posts)))
        answers = await Asking(tasks, cache, posts)(FEW)
        assert posts.asked == 1
        first.cancel()
        posts.may_answer.set()
    assert texts(answers) == ["version 1"] * FEW
    assert posts.asked == 2


async def call(app: ASGIApp, send: Send | None = None) -> None:
    """Ask without a client between, so that cancelling reaches the app."""

    async def receive() -> Message:
        return {"type": "http.request"}

    async def nowhere(message: Message) -> None:
        pass

    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "raw_path": POSTS.encode(),
        "query_string": b"",
        "headers": [(b"host", b"gate")],
    }
    await app(scope, receive, send or nowhere)


async def test_a_slow_client_keeps_nobody_waiting_and_nothing_old() -> None:
    posts, clock = Posts(), MovableClock()
    app = behind(a_cache(clock=clock), posts)
    taken = asyncio.Event()

    async def slow(_: Message) -> None:
        await taken.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call(app, slow))
        await asyncio.sleep(0)
        async with client_of(app) as client:
            assert (await client.get(POSTS)).text == "version 1"
            clock.advance(60)
            posts.version = 2
            assert (await client.get(POSTS)).text == "version 2"
        taken.set()


async def test_nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.02)
    posts, quick = Held(), Posts()
    clients = 0

    async def stuck_once(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal clients
        clients += 1
        await (posts if clients == 1 else quick)(scope, receive, send)

    async with asyncio.TaskGroup() as tasks:
        first, second = await Asking(tasks, a_cache(), stuck_once)(2)
        await second
        assert not first.done()
        posts.may_answer.set()


async def test_an_answer_that_breaks_before_any_of_it_was_sent_is_an_error_like_others() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        raise AnswerBroken("It closed the connection.")

    with pytest.raises(BadGateway, match="closed the connection"):
        await call(behind(a_cache(), breaking))


async def test_an_answer_that_breaks_while_it_is_sent_stays_broken() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise AnswerBroken("It closed the connection.")

    with pytest.raises(AnswerBroken):
        await call(behind(a_cache(), breaking))
