"""Work that one replica does for all."""

import asyncio
from datetime import timedelta

import pytest

from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.db.schedules import Schedules
from shared.runtime import once
from shared.runtime.once import LEASE, Turn, once_across_replicas
from tests.support.clock import MovableClock
from tests.support.messaging import eventually

DAY = timedelta(days=1)


class Replicas:
    """Two replicas, and which of them did the work."""

    def __init__(self, database: Database) -> None:
        self.clock = MovableClock()
        self.done: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.first = Turn("proof", DAY, lambda: self._work("first"), database, self.clock)
        self.second = Turn("proof", DAY, lambda: self._work("second"), database, self.clock)

    async def _work(self, who: str) -> None:
        self.done.append(who)
        await self.go_on.wait()


@pytest.fixture
def database(content_database: Database) -> Database:
    return content_database


@pytest.fixture
def replicas(database: Database) -> Replicas:
    return Replicas(database)


async def test_it_is_done_at_once_and_then_when_it_is_due(replicas: Replicas) -> None:
    assert [await replicas.first.take(), await replicas.second.take()] == [True, False]
    replicas.clock.advance(DAY.total_seconds() - 1)
    assert [await replicas.second.take(), await replicas.first.take()] == [False, False]
    replicas.clock.advance(1)
    assert [await replicas.second.take(), await replicas.first.take()] == [True, False]
    assert replicas.done == ["first", "second"]


async def test_two_that_look_at_the_same_moment_do_it_once(replicas: Replicas) -> None:
    for _ in range(10):
        took = await asyncio.gather(replicas.first.take(), replicas.second.take())
        assert sorted(took) == [False, True]
        replicas.clock.advance(DAY.total_seconds())


async def test_nobody_else_begins_it_while_it_lasts(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_RENEW_SECONDS", 0.02)
    replicas.go_on.clear()
    working = asyncio.ensure_future(replicas.first.take())
    await eventually(lambda: _is(replicas.done == ["first"]))
    for _ in range(3):  # far longer than a lease, which is renewed
        replicas.clock.advance(LEASE.total_seconds() / 2)
        await asyncio.sleep(0.1)
        assert not await replicas.second.take()
    replicas.go_on.set()
    assert await working


async def test_work_of_a_replica_that_died_is_taken_up_when_its_lease_ends(
    replicas: Replicas, database: Database
) -> None:
    now = replicas.clock.now()
    dead = replicas.first._who
    assert await Schedules(database).take("proof", dead, now, now + LEASE)
    assert not await replicas.second.take()
    replicas.clock.advance(LEASE.total_seconds())
    assert await replicas.second.take()


async def test_work_that_fails_is_due_at_once_and_says_why(replicas: Replicas) -> None:
    async def fail() -> None:
        raise DatabaseAway

    replicas.first._work = fail
    with pytest.raises(DatabaseAway):
        await replicas.first.take()
    assert await replicas.second.take()


async def test_a_stopping_replica_gives_its_turn_back(replicas: Replicas) -> None:
    replicas.go_on.clear()
    working = asyncio.ensure_future(replicas.first.take())
    await eventually(lambda: _is(replicas.done == ["first"]))
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    replicas.go_on.set()
    assert await replicas.second.take()


async def test_who_stood_still_for_too_long_stops_and_changes_nothing(
    replicas: Replicas, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_RENEW_SECONDS", 0.02)
    replicas.go_on.clear()
    working = asyncio.ensure_future(replicas.first.take())
    await eventually(lambda: _is(replicas.done == ["first"]))
    now = replicas.clock.now() + LEASE
    other = replicas.second._who
    assert await Schedules(database).take("proof", other, now, now + LEASE)
    assert await working is False
    assert await Schedules(database).keep("proof", other, now)


async def test_works_of_other_names_do_not_wait_for_each_other(
    replicas: Replicas, database: Database
) -> None:
    other = Turn("report", DAY, lambda: replicas._work("report"), database, replicas.clock)
    assert [await replicas.first.take(), await other.take()] == [True, True]


async def test_the_component_does_it(database: Database) -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    component = once_across_replicas("proof", 0.05, work, database, MovableClock())
    running = asyncio.ensure_future(component.run(lambda: None))
    await asyncio.wait_for(done.wait(), 5)
    running.cancel()
    await asyncio.wait([running])


async def _is(claim: bool) -> bool:
    return claim
