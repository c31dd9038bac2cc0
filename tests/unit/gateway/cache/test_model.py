"""Whatever clients, the upstream and events do: nobody hears what was old when he asked."""

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from gateway.cache.cache import Cache
from gateway.upstream.proxy import ClientLeft
from tests.support.caching import MAX_BYTES, SECONDS, behind
from tests.support.clock import MovableClock

PATHS = (b"/api/posts", b"/api/tags")
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(PATHS)),
    st.tuples(st.sampled_from(["change", "purge", "answer", "leave"]), st.none()),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 3.0, SECONDS])),
)


@dataclass
class World:
    """An upstream that tells its version, when it is told to answer, and those who asked."""

    clock: MovableClock = field(default_factory=MovableClock)
    versions: list[float] = field(default_factory=list)
    """When each was made; the present one is their number."""
    heard: int = 0
    """The version that the last purge was about."""
    asking: list[asyncio.Task[None]] = field(default_factory=list)
    held: list[asyncio.Event] = field(default_factory=list)
    left: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cache = Cache(SECONDS, MAX_BYTES, self.clock)
        self.app = behind(self.cache, self.upstream)

    async def upstream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as a service does: with what it read when it was asked."""
        body = b"%d" % len(self.versions)
        go = asyncio.Event()
        self.held.append(go)
        await go.wait()
        if scope["number"] in self.left:
            raise ClientLeft("It left.")
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, path: bytes, number: int) -> None:
        """Ask, and check the answer."""
        began, heard = self.clock.monotonic(), self.heard
        oldest = bisect_right(self.versions, began - SECONDS)
        pieces: list[bytes] = []

        async def receive() -> Message:
            raise AssertionError("nobody reads a body here")

        async def send(message: Message) -> None:
            pieces.append(message.get("body", b""))

        scope = {
            "type": "http", "method": "GET", "scheme": "http", "raw_path": path,
            "query_string": b"", "headers": [], "number": number,
        }  # fmt: skip
        try:
            await self.app(scope, receive, send)
        except ClientLeft:
            assert number in self.left
            return
        answer = int(b"".join(pieces))
        assert answer >= heard, "it is older than the last purge before the question"
        assert answer >= oldest, "it was too old already when it was asked for"
        assert answer <= len(self.versions)

    async def play(self, steps: list[tuple[str, bytes | float | None]]) -> None:
        """Take the steps, and then let everybody have an answer."""
        async with asyncio.TaskGroup() as tasks:
            for step in steps:
                match step:
                    case ("ask", bytes(path)):
                        number = len(self.asking)
                        self.asking.append(tasks.create_task(self.ask(path, number)))
                    case ("advance", float(seconds)):
                        self.clock.advance(seconds)
                    case ("change", _):
                        self.versions.append(self.clock.monotonic())
                    case ("purge", _):
                        self.heard = len(self.versions)
                        self.cache.purge()
                    case ("leave", _):
                        self.left |= {number for number in range(len(self.asking)) if number % 3}
                    case _:
                        self.answer()
                await _settled()
            while any(not task.done() for task in self.asking):
                self.answer()
                await _settled()

    def answer(self) -> None:
        """Let the upstream answer all that it has been asked."""
        for go in self.held:
            go.set()
        self.held.clear()


async def _settled() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=30))
@example([("ask", PATHS[0]), ("change", None), ("advance", SECONDS), ("ask", PATHS[0])])
@example([("ask", PATHS[0]), ("ask", PATHS[0]), ("leave", None), ("purge", None)])
def test_nobody_hears_what_was_purged_or_too_old_when_he_asked(
    steps: list[tuple[str, bytes | float | None]],
) -> None:
    world = World()
    asyncio.run(world.play(steps))
    assert not world.held
    assert world.cache.hits + world.cache.misses == len(world.asking) or world.left


@pytest.mark.parametrize("shared", [2, 20])
def test_the_world_of_these_tests_shares(shared: int) -> None:
    world = World()
    asyncio.run(world.play([("ask", PATHS[0])] * shared))
    assert (world.cache.hits, world.cache.misses) == (shared - 1, 1)
