"""Server-sent events: what a stream says, and how it ends."""

import asyncio

import httpx
import msgspec
import pytest

from shared.runtime.readiness import Readiness
from tests.support.clock import MovableClock
from tests.support.gateway import ORIGIN
from tests.support.realtime import Stream, a_user, job_event, live, token_of


async def begun(stream: Stream) -> None:
    """The stream has told where it starts."""
    assert await stream.event() == {"retry": "2000"}
    assert (await stream.event())["event"] == "snapshot"


async def test_a_user_hears_of_what_is_theirs_and_of_nothing_else() -> None:
    mina, juno = a_user(), a_user()
    async with live() as gate, gate.stream(token_of(mina), origin=ORIGIN) as stream:
        assert stream.answer.status_code == 200
        assert stream.answer.headers["content-type"] == "text/event-stream"
        assert stream.answer.headers["cache-control"] == "no-store"
        assert stream.answer.headers["access-control-allow-origin"] == ORIGIN
        await begun(stream)
        mine = job_event(mina, "succeeded")
        await gate.happens(job_event(juno), mine)
        heard = await stream.event()
    assert (heard["id"], heard["event"]) == (str(mine.id), "jobs.job.succeeded")
    assert heard["data"]["data"] == msgspec.json.decode(mine.data)
    assert heard["data"]["id"] == heard["id"]


async def test_a_stream_needs_a_good_token_in_its_header() -> None:
    async with live() as gate:
        async with gate.stream("") as stream:
            assert stream.answer.status_code == 401
        async with gate.stream("made.up.token") as stream:
            assert stream.answer.status_code == 401
        token = token_of(a_user())
        async with gate.stream(token, f"/api/events?access_token={token}") as stream:
            await stream.answer.aread()
            assert (stream.answer.status_code, stream.answer.json()["code"]) == (
                400,
                "token_in_url",
            )


async def test_a_stream_is_read_by_get_alone() -> None:
    async with live() as gate, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{gate.port}/api/events"
        headers = {"authorization": f"Bearer {token_of(a_user())}"}
        assert (await client.post(url, headers=headers)).status_code == 405


async def test_a_user_may_have_so_many_connections() -> None:
    user = a_user()
    async with live(per_user=1) as gate:
        async with gate.stream(token_of(user)) as stream:
            await begun(stream)
            async with gate.stream(token_of(user)) as second:
                assert second.answer.status_code == 429
        async with asyncio.timeout(5):
            while gate.realtime.hub.connections:  # until the server has seen the client go
                await asyncio.sleep(0.01)
        async with gate.stream(token_of(user)) as again:
            await begun(again)


async def test_a_silent_stream_is_heard_of_all_the_same() -> None:
    async with live() as gate, gate.stream(token_of(a_user())) as stream:
        await begun(stream)
        for _ in range(15):
            gate.realtime.hub.tick()
        assert "comment" in await stream.event()


async def test_a_revoked_session_ends_the_stream() -> None:
    user = a_user()
    async with live() as gate, gate.stream(token_of(user)) as stream:
        await begun(stream)
        await gate.revoke(user.session_id)
        assert await stream.event() == {"event": "revoked", "data": {"reason": "session_revoked"}}
        with pytest.raises(EOFError):
            await stream.event()


async def test_an_expired_token_ends_the_stream() -> None:
    clock, user = MovableClock(), a_user()
    async with live(clock=clock) as gate, gate.stream(token_of(user, clock)) as stream:
        await begun(stream)
        clock.advance(16 * 60)
        assert await stream.event() == {"event": "expired", "data": {"reason": "token_expired"}}
        with pytest.raises(EOFError):
            await stream.event()


async def test_a_process_that_drains_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    user = a_user()
    async with live() as gate, gate.stream(token_of(user)) as stream:
        await begun(stream)
        event = job_event(user)
        await gate.happens(event)
        await stream.event()
        monkeypatch.setattr(Readiness, "draining", True)
        assert await stream.event() == {
            "event": "restart",
            "data": {"reason": "restart", "last_event_id": str(event.id)},
        }
        with pytest.raises(EOFError):
            await stream.event()
        async with gate.stream(token_of(user)) as refused:
            assert refused.answer.status_code == 503


async def test_a_client_that_does_not_read_is_told_where_to_resume_and_nothing_is_lost() -> None:
    user = a_user()
    async with live() as gate, gate.stream(token_of(user)) as stream:
        await begun(stream)
        (listener,) = gate.realtime.hub.all()
        async with asyncio.timeout(20):
            while not listener.is_ended:  # type: ignore[attr-defined]
                await gate.happens(
                    *(job_event(user, "failed", error_code="e" * 8000) for _ in range(20))
                )
        ids = []
        while (event := await stream.event())["event"] != "resume":
            ids.append(event["id"])
        assert len(ids) == len(set(ids))
        assert event["data"]["last_event_id"] == ids[-1] == listener.last_id
        with pytest.raises(EOFError):
            await stream.event()
