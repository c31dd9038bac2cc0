"""What tests of the short cache share: an upstream that changes, and the cache in front of it."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.cache.cache import Cache
from shared.clock import Clock
from tests.support.clock import MovableClock

SECONDS = 5.0
MAX_BYTES = 1024 * 1024


class Posts:
    """An upstream whose answer tells its `version` at the time of the question.

    It adds `headers`, counts how often it was `asked`, keeps the scopes it `saw`, and answers when
    `may_answer` is set.
    """

    def __init__(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        self.headers = headers
        self.status = status
        self.version = 1
        self.asked = 0
        self.saw: list[Scope] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        self.saw.append(scope)
        body = b"version %d" % self.version
        await self.may_answer.wait()
        length = (b"content-length", b"%d" % len(body))
        headers = [(b"content-type", b"text/plain"), length, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )


def a_cache(
    seconds: float = SECONDS, max_bytes: int = MAX_BYTES, clock: Clock | None = None
) -> Cache:
    return Cache(seconds, max_bytes, clock or MovableClock())


def behind(cache: Cache, upstream: ASGIApp) -> ASGIApp:
    """`upstream` with `cache` in front of it, as the pipeline puts it there."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        fields = dict(scope["headers"])
        key = cache.key_of(scope, fields)
        if key is None:
            await upstream(scope, receive, send)
        elif (found := cache.find(key, fields)) is not None:
            await found.answer(scope["method"], fields, send)
        else:
            await cache.fetch(key, fields, upstream, scope, receive, send)

    return app
