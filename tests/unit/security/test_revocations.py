import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from shared.errors import Unavailable
from shared.messaging.broker import Broadcast
from shared.messaging.event import Envelope
from shared.runtime.service import Component
from shared.security import revocations as module
from shared.security.principal import SessionId
from shared.security.revocations import (
    Revocation,
    RevocationList,
    Revocations,
    fetch_from_auth,
    revocation_listener,
)
from shared.security.service_tokens import ServiceAuth, ServiceTokens, ServiceTokenVerifier
from tests.support.clock import MovableClock
from tests.unit.security.support import SECRET


class Source:
    """What auth knows, and whether it can be asked."""

    def __init__(self, *known: Revocation) -> None:
        self.known = list(known)
        self.away = False
        self.asked = 0

    async def fetch(self) -> Iterable[Revocation]:
        self.asked += 1
        if self.away:
            raise Unavailable
        return list(self.known)


def a_session() -> SessionId:
    return SessionId(uuid4())


@asynccontextmanager
async def running(component: Component) -> AsyncIterator[asyncio.Event]:
    """The component at work; the event is set once it is ready."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_run(component, ready))
        yield ready
        task.cancel()


async def _run(component: Component, ready: asyncio.Event) -> None:
    await component.run(ready.set)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


def listener(revocations: Revocations, source: Source) -> tuple[Broadcast, Component]:
    async def keys_stay() -> None:
        return

    return revocation_listener("jobs", revocations, source.fetch, keys_stay)


def event_of(session: UUID, clock: MovableClock) -> Envelope:
    data = {"session_id": session, "revoked_at": clock.now(), "user_id": uuid4(), "more": 1}
    return Envelope(
        id=uuid4(), source="auth", type="auth.session.revoked", time=clock.now(),
        subject=str(session), dataschema="1", data=msgspec.Raw(msgspec.json.encode(data)),
    )  # fmt: skip


def test_a_session_is_forgotten_when_no_access_token_of_it_can_be_left() -> None:
    clock = MovableClock()
    revocations = Revocations(clock)
    early, late = a_session(), a_session()
    revocations.add(Revocation(early, clock.now()))
    clock.advance(15 * 60)
    assert early in revocations
    clock.advance(60)
    revocations.add(Revocation(late, clock.now()))
    assert early not in revocations
    assert late in revocations
    assert len(revocations) == 1


def test_the_set_holds_a_session_once_however_often_it_is_told() -> None:
    clock = MovableClock()
    revocations = Revocations(clock)
    session = a_session()
    for _ in range(3):
        revocations.add(Revocation(session, clock.now()))
    assert len(revocations) == 1


def test_a_session_that_ended_long_ago_is_not_even_taken_in() -> None:
    clock = MovableClock()
    revocations = Revocations(clock)
    revocations.add(Revocation(a_session(), clock.now() - timedelta(minutes=20)))
    assert len(revocations) == 0


async def test_the_listener_is_ready_only_after_the_first_fetch() -> None:
    clock = MovableClock()
    source = Source(Revocation(session := a_session(), clock.now()))
    revocations = Revocations(clock)
    _, component = listener(revocations, source)
    async with running(component) as ready:
        await asyncio.wait_for(ready.wait(), 5)
        assert session in revocations


async def test_the_listener_keeps_trying_while_auth_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS_AFTER_A_FAILURE", 0.01)
    source = Source()
    source.away = True
    _, component = listener(Revocations(MovableClock()), source)
    async with running(component) as ready:
        await eventually(lambda: source.asked >= 2)
        assert not ready.is_set()
        source.away = False
        await asyncio.wait_for(ready.wait(), 5)


async def test_an_event_is_enough() -> None:
    clock = MovableClock()
    revocations = Revocations(clock)
    broadcast, _ = listener(revocations, Source())
    assert "auth.session.revoked" in broadcast.types
    await broadcast.handle(event_of(session := a_session(), clock))
    assert session in revocations


async def test_changed_keys_are_fetched_as_soon_as_they_are_announced() -> None:
    clock, fetched = MovableClock(), 0

    async def keys() -> None:
        nonlocal fetched
        fetched += 1

    broadcast, component = revocation_listener("jobs", Revocations(clock), Source().fetch, keys)
    assert "auth.keys.changed" in broadcast.types
    event = msgspec.structs.replace(event_of(a_session(), clock), type="auth.keys.changed")
    async with running(component) as ready:
        await asyncio.wait_for(ready.wait(), 5)
        await broadcast.handle(event)
        await eventually(lambda: fetched == 2)


async def test_what_was_missed_is_fetched_when_listening_begins_again() -> None:
    clock = MovableClock()
    source, revocations = Source(), Revocations(clock)
    broadcast, component = listener(revocations, source)
    assert broadcast.caught_up
    async with running(component) as ready:
        await asyncio.wait_for(ready.wait(), 5)
        source.known.append(Revocation(session := a_session(), clock.now()))
        await broadcast.caught_up()
        await eventually(lambda: session in revocations)


async def test_the_whole_is_fetched_again_in_a_steady_rhythm_with_what_rides_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_REFRESHES", 0.01)
    source, rode_along = Source(), 0

    async def keys() -> None:
        nonlocal rode_along
        rode_along += 1

    _, component = revocation_listener("jobs", Revocations(MovableClock()), source.fetch, keys)
    async with running(component):
        await eventually(lambda: source.asked >= 3 and rode_along >= 3)


def auth_that(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://auth")


async def test_the_fetch_calls_auth_as_a_service() -> None:
    clock = MovableClock()
    known = Revocation(a_session(), clock.now())

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/internal/revocations"
        token = request.headers["authorization"].removeprefix("Bearer ")
        assert ServiceTokenVerifier(SECRET, "auth", clock).verify(token).name == "gateway"
        return httpx.Response(200, content=msgspec.json.encode(RevocationList((known,))))

    credentials = ServiceAuth(ServiceTokens(SECRET, "gateway", clock), "auth")
    assert list(await fetch_from_auth(auth_that(answer), credentials)()) == [known]


@pytest.mark.parametrize("response", [httpx.Response(503), httpx.Response(200, content=b"<html>")])
async def test_a_failed_fetch_says_so(response: httpx.Response) -> None:
    credentials = ServiceAuth(ServiceTokens(SECRET, "gateway", MovableClock()), "auth")
    with pytest.raises(Unavailable, match="cannot be fetched"):
        await fetch_from_auth(auth_that(lambda _: response), credentials)()


def test_whoever_listens_is_told_of_each_session_once() -> None:
    clock = MovableClock()
    revocations = Revocations(clock)
    told: list[SessionId] = []
    revocations.on_added(told.append)
    first, second = a_session(), a_session()
    for session in (first, first, second):
        revocations.add(Revocation(session, clock.now()))
    revocations.add(Revocation(a_session(), clock.now() - timedelta(minutes=20)))
    assert told == [first, second]
