"""How a connection begins: nothing is missed, and nothing comes twice."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection

from gateway.realtime import recent
from shared.messaging.event import Envelope
from shared.security.principal import Principal
from tests.support.clock import MovableClock
from tests.support.realtime import Services, a_user, job_event, live, opened, said, token_of


async def ids_until(socket: ClientConnection, last: Envelope) -> list[str]:
    """The ids of the events that arrive, up to the one awaited."""
    found: list[str] = []
    while str(last.id) not in found:
        message = await said(socket)
        if "id" in message and message["type"] != "snapshot":
            found.append(message["id"])
    return found


def ids(*events: Envelope) -> list[str]:
    return [str(event.id) for event in events]


def of_job(user: Principal, job: UUID, kind: str, revision: int) -> Envelope:
    return job_event(user, kind, job_id=job, revision=revision)


async def test_a_snapshot_holds_what_the_services_answer_to_the_users_own_token() -> None:
    services = Services(jobs=[{"id": str(uuid4()), "status": "running", "revision": 2}])
    user = a_user()
    token = token_of(user)
    async with live(services=services) as gate, gate.socket(token) as socket:
        snapshot = await opened(socket)
    assert snapshot == {
        "type": "snapshot",
        "complete": True,
        "data": {"jobs": services.jobs, "videos": []},
    }
    assert services.tokens == {token}


async def test_a_snapshot_says_when_a_part_of_it_is_missing() -> None:
    services = Services(away=True)
    async with live(services=services) as gate, gate.socket(token_of(a_user())) as socket:
        snapshot = await opened(socket)
    assert snapshot == {"type": "snapshot", "complete": False, "data": {"videos": []}}


async def test_a_snapshot_does_not_wait_for_a_service_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.realtime.snapshots.SECONDS", 0.1)
    services = Services()
    async with live(services=services) as gate:
        services.may_answer.clear()
        async with gate.socket(token_of(a_user())) as socket:
            assert (await opened(socket))["complete"] is False
        services.may_answer.set()


async def test_what_happens_while_the_snapshot_is_asked_comes_after_it_and_once() -> None:
    user, job, other = a_user(), uuid4(), uuid4()
    services = Services(jobs=[{"id": str(job), "status": "running", "revision": 2}])
    told = [of_job(user, job, "queued", 1), of_job(user, job, "started", 2)]
    news = [of_job(user, job, "progressed", 2), of_job(user, other, "queued", 1)]
    later = [of_job(user, job, "succeeded", 3)]
    async with live(services=services) as gate:
        services.may_answer.clear()
        async with gate.socket(token_of(user)) as socket:
            assert (await said(socket))["type"] == "ready"
            while not services.asked:
                await asyncio.sleep(0.01)
            await gate.happens(*told, *news)
            services.may_answer.set()
            assert (await said(socket))["type"] == "snapshot"
            await gate.happens(*later)
            assert await ids_until(socket, later[-1]) == ids(*news, *later)


async def test_who_comes_back_hears_what_was_missed_without_a_snapshot() -> None:
    user, clock = a_user(), MovableClock()
    events = [job_event(user) for _ in range(6)]
    async with live(clock=clock) as gate:
        clock.advance(recent.OVERLAP_SECONDS + 1)
        token = token_of(user, clock)
        async with gate.socket(token) as socket:
            await opened(socket)
            await gate.happens(events[0], events[1])
            await ids_until(socket, events[1])
        clock.advance(recent.OVERLAP_SECONDS + 1)
        await gate.happens(events[2])
        clock.advance(recent.OVERLAP_SECONDS + 1)
        await gate.happens(events[3])
        asked = gate.services.asked
        async with gate.socket(token, path=f"/ws?last_event_id={events[2].id}") as socket:
            assert (await said(socket))["type"] == "ready"
            await gate.happens(events[4])
            assert await ids_until(socket, events[4]) == ids(events[3], events[4])
        first = {"type": "auth", "token": token, "last_event_id": str(events[3].id)}
        async with gate.socket() as socket:
            await socket.send(msgspec.json.encode(first).decode())
            assert (await said(socket))["type"] == "ready"
            assert await ids_until(socket, events[4]) == ids(events[4])
        async with gate.stream(token, last_event_id=str(events[3].id)) as stream:
            assert "retry" in await stream.event()
            assert (await stream.event())["id"] == str(events[4].id)
        assert gate.services.asked == asked


async def test_an_id_that_is_not_known_here_leads_to_a_snapshot() -> None:
    user = a_user()
    async with (
        live() as gate,
        gate.socket(token_of(user), path=f"/ws?last_event_id={uuid4()}") as socket,
    ):
        assert (await opened(socket))["type"] == "snapshot"


async def test_the_id_of_a_snapshot_can_be_resumed_from() -> None:
    user, clock = a_user(), MovableClock()
    async with live(clock=clock) as gate:
        clock.advance(recent.OVERLAP_SECONDS + 1)
        token = token_of(user, clock)
        before, after = job_event(user), job_event(user)
        await gate.happens(before)
        async with gate.socket(token) as socket:
            assert (await opened(socket))["id"] == str(before.id)
        await gate.happens(after)
        async with gate.socket(token, path=f"/ws?last_event_id={before.id}") as socket:
            assert (await said(socket))["type"] == "ready"
            assert (await said(socket))["id"] == str(after.id)


async def test_nothing_is_missed_on_the_way_to_a_replica_that_heard_in_another_order() -> None:
    user, clock = a_user(), MovableClock()
    video, job = job_event(user, "queued"), job_event(user, "failed", error_code="x")
    async with live(clock=clock) as one, live(clock=clock) as two:
        clock.advance(recent.OVERLAP_SECONDS + 1)
        token = token_of(user, clock)
        async with one.socket(token) as socket:
            await opened(socket)
            await two.happens(video)
            clock.advance(1)
            await one.happens(job)
            await two.happens(job)
            assert await ids_until(socket, job) == ids(job)  # `video` is still on its way to one
        async with two.socket(token, path=f"/ws?last_event_id={job.id}") as socket:
            assert (await said(socket))["type"] == "ready"
            assert (await said(socket))["id"] == str(video.id)


async def test_a_replica_that_has_just_begun_to_listen_gives_a_snapshot() -> None:
    user, clock = a_user(), MovableClock()
    event = job_event(user)
    async with live(clock=clock) as gate:
        clock.advance(recent.OVERLAP_SECONDS / 2)  # what came just before may be missing here
        await gate.happens(event)
        token = token_of(user, clock)
        async with gate.socket(token, path=f"/ws?last_event_id={event.id}") as socket:
            assert (await opened(socket))["type"] == "snapshot"


async def test_events_lost_while_the_broker_was_away_are_made_up_for_by_a_snapshot() -> None:
    user, clock = a_user(), MovableClock()
    before, after = job_event(user), job_event(user)
    async with live(clock=clock) as gate:
        clock.advance(recent.OVERLAP_SECONDS + 1)
        token = token_of(user, clock)
        async with gate.socket(token) as socket:
            await opened(socket)
            await gate.happens(before)
            assert (await said(socket))["id"] == str(before.id)
            assert gate.realtime.broadcast.caught_up is not None
            await gate.realtime.broadcast.caught_up()
            await gate.happens(after)
            assert (await said(socket))["type"] == "snapshot"
            assert (await said(socket))["id"] == str(after.id)
        async with gate.socket(token, path=f"/ws?last_event_id={before.id}") as socket:
            assert (await opened(socket))["type"] == "snapshot"


async def test_a_snapshot_that_was_asked_before_events_were_lost_is_asked_again() -> None:
    user, services = a_user(), Services()
    async with live(services=services) as gate:
        services.may_answer.clear()
        async with gate.socket(token_of(user)) as socket:
            assert (await said(socket))["type"] == "ready"
            while services.asked < 1:
                await asyncio.sleep(0.01)
            assert gate.realtime.broadcast.caught_up is not None
            await gate.realtime.broadcast.caught_up()
            services.may_answer.set()
            assert (await said(socket))["type"] == "snapshot"
            assert services.asked == 2


async def test_an_id_that_cannot_be_one_is_refused() -> None:
    async with live() as gate:
        async with gate.stream(token_of(a_user()), last_event_id="x" * 65) as stream:
            await stream.answer.aread()
            problem = stream.answer.json()
        assert (problem["status"], problem["errors"][0]["field"]) == (422, "Last-Event-ID")
