import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.database import Database
from shared.errors import Unavailable
from shared.messaging import relay as relay_module
from shared.messaging.event import Envelope
from shared.messaging.in_process import InProcessBroker
from shared.messaging.relay import Relay
from tests.support.messaging import (
    Counted,
    ScriptedBroker,
    count,
    eventually,
    make_tables,
    running,
)


async def _accept(_: Envelope) -> None:
    return


async def announce(database: Database, *numbers: int) -> None:
    async with database.transaction() as tx:
        for number in numbers:
            tx.announce(Counted(number))


async def _outbox_is_empty(database: Database) -> bool:
    return await count(database, "outbox") == 0


async def test_an_announced_event_is_published_and_forgotten(messaging_database: Database) -> None:
    broker = ScriptedBroker(_accept)
    async with running(Relay(messaging_database, broker)):
        await announce(messaging_database, 1, 2)
        await eventually(lambda: _outbox_is_empty(messaging_database))
    assert sorted(broker.published) == ["1", "2"]


async def test_a_commit_in_the_same_process_wakes_the_relay(
    messaging_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_POLL", 60.0)
    broker = ScriptedBroker(_accept)
    async with running(Relay(messaging_database, broker)):
        for _ in range(20):
            broker.messages.clear()
            await announce(messaging_database, 1)
            await eventually(lambda: broker.published == ["1"], 5)


async def test_what_another_process_left_behind_is_found_within_about_a_second(
    messaging_database: Database,
) -> None:
    await announce(messaging_database, 1)
    broker = ScriptedBroker(_accept)
    started = monotonic()
    async with running(Relay(messaging_database, broker)):
        await eventually(lambda: broker.published == ["1"])
    assert monotonic() - started < 5


async def test_more_events_than_one_batch_holds_are_all_published_once(
    messaging_database: Database,
) -> None:
    await announce(messaging_database, *range(950))
    broker = ScriptedBroker(_accept)
    async with running(Relay(messaging_database, broker)):
        await eventually(lambda: _outbox_is_empty(messaging_database))
    assert sorted(broker.published, key=int) == [str(number) for number in range(950)]


async def test_relays_of_several_processes_share_the_work(messaging_database: Database) -> None:
    await announce(messaging_database, *range(500))
    broker = ScriptedBroker(_accept)
    relays = [Relay(messaging_database, broker) for _ in range(3)]
    async with running(*relays):
        await eventually(lambda: _outbox_is_empty(messaging_database))
    assert len(broker.published) == len(set(broker.published)) == 500


async def test_what_is_announced_at_a_time_travels_in_one_message_for_each_type(
    messaging_database: Database,
) -> None:
    class Missed(Counted, frozen=True):
        TYPE = "tests.number.missed"

    broker = ScriptedBroker(_accept)
    async with running(Relay(messaging_database, broker)):
        async with messaging_database.transaction() as tx:
            for event in (Counted(1), Missed(2), Counted(3), Missed(4)):
                tx.announce(event)
        await eventually(lambda: len(broker.published) == 4)
    assert broker.messages == [["1", "3"], ["2", "4"]]


async def test_an_event_after_a_quiet_time_goes_at_once_and_those_soon_after_it_together(
    messaging_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "GATHERING", 0.5)
    broker = ScriptedBroker(_accept)
    async with running(Relay(messaging_database, broker)):
        await announce(messaging_database, 1)
        await eventually(lambda: broker.messages == [["1"]])
        await announce(messaging_database, 2)
        await announce(messaging_database, 3)
        await eventually(lambda: broker.messages == [["1"], ["2", "3"]])


async def test_a_relay_that_ends_publishes_what_gathers_without_waiting_for_more(
    messaging_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "GATHERING", 600.0)
    broker = ScriptedBroker(_accept)
    async with asyncio.timeout(30):
        async with running(Relay(messaging_database, broker)):
            await announce(messaging_database, 1)
            await eventually(lambda: broker.messages == [["1"]])
            await announce(messaging_database, 2)
            await announce(messaging_database, 3)
    assert broker.messages == [["1"], ["2", "3"]]
    assert await _outbox_is_empty(messaging_database)


async def test_events_of_a_refused_message_go_alone_the_next_time(
    messaging_database: Database,
) -> None:
    async def publish(envelope: Envelope) -> None:
        if envelope.subject == "2":
            raise RuntimeError("too large")

    broker = ScriptedBroker(publish)

    async def one_is_left() -> bool:
        return await count(messaging_database, "outbox") == 1

    with capture_logs() as logs:
        async with running(Relay(messaging_database, broker)):
            await announce(messaging_database, 1, 2, 3)
            await eventually(one_is_left)
            await eventually(lambda: _postponed(messaging_database, 2))
    assert sorted(broker.messages) == [["1"], ["3"]]
    assert [one["event"] for one in logs].count("event_postponed") == 3


async def test_a_slow_event_does_not_hold_up_those_behind_it(messaging_database: Database) -> None:
    release = asyncio.Event()

    async def publish(envelope: Envelope) -> None:
        if envelope.subject == "1":
            await release.wait()

    broker = ScriptedBroker(publish)
    async with running(Relay(messaging_database, broker)):
        await announce(messaging_database, 1)
        await asyncio.sleep(0.1)
        await announce(messaging_database, 2)
        await eventually(lambda: broker.published == ["2"])
        release.set()
        await eventually(lambda: broker.published == ["2", "1"])


async def test_an_unroutable_event_is_postponed_ever_longer_and_the_others_go(
    messaging_database: Database,
) -> None:
    unheard = InProcessBroker()
    relay = Relay(messaging_database, unheard)
    with capture_logs() as logs:
        async with running(unheard, relay):
            await announce(messaging_database, 1)
            await eventually(lambda: _postponed(messaging_database, 2), 15)
    pause = await messaging_database.one(
        text("SELECT extract(epoch FROM due_at - clock_timestamp()) AS seconds FROM outbox")
    )
    assert pause is not None
    assert 0.5 < pause.seconds <= 1.0
    assert [one["event"] for one in logs].count("event_postponed") == 1


async def _postponed(database: Database, attempts: int) -> bool:
    row = await database.one(text("SELECT attempts FROM outbox"))
    return row is not None and row.attempts == attempts


async def test_the_pause_of_a_postponed_event_is_a_minute_at_most(
    messaging_database: Database,
) -> None:
    async def refuse(_: Envelope) -> None:
        raise RuntimeError("too large")

    await announce(messaging_database, 1)
    await messaging_database.run(text("UPDATE outbox SET attempts = 40"))
    async with running(Relay(messaging_database, ScriptedBroker(refuse))):
        await eventually(lambda: _postponed(messaging_database, 41))
    row = await messaging_database.one(
        text("SELECT extract(epoch FROM due_at - clock_timestamp()) AS seconds FROM outbox")
    )
    assert row is not None
    assert 55 < row.seconds <= 60


async def test_a_publish_that_hangs_is_postponed(
    messaging_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_PUBLISH_TIMEOUT", 0.1)

    async def hang(_: Envelope) -> None:
        await asyncio.sleep(60)

    async with running(Relay(messaging_database, ScriptedBroker(hang))):
        await announce(messaging_database, 1)
        await eventually(lambda: _postponed(messaging_database, 1))


async def test_while_the_broker_is_away_events_wait_unchanged_and_it_is_logged_once(
    messaging_database: Database,
) -> None:
    away = True

    async def publish(_: Envelope) -> None:
        if away:
            raise Unavailable("no connection")

    broker = ScriptedBroker(publish)
    with capture_logs() as logs:
        async with running(Relay(messaging_database, broker)):
            await announce(messaging_database, 1, 2, 3)
            await eventually(lambda: broker.pings >= 3)
            assert await _postponed(messaging_database, 0)
            away = False
            await eventually(lambda: _outbox_is_empty(messaging_database))
    events = [one["event"] for one in logs]
    assert events.count("relay_held_up") == events.count("relay_resumed") == 1
    assert sorted(broker.published) == ["1", "2", "3"]


async def test_what_was_confirmed_is_forgotten_although_the_rest_met_an_absent_broker(
    messaging_database: Database,
) -> None:
    async def publish(envelope: Envelope) -> None:
        if envelope.subject != "1":
            raise Unavailable("gone in the middle")

    await announce(messaging_database, 1, 2)
    broker = ScriptedBroker(publish)

    async def one_is_left() -> bool:
        return await count(messaging_database, "outbox") == 1

    async with running(Relay(messaging_database, broker)):
        await eventually(one_is_left)


async def test_lost_database_connections_are_replaced(messaging_database: Database) -> None:
    broker = ScriptedBroker(_accept)
    async with running(Relay(messaging_database, broker)):
        for number in range(5):
            await announce(messaging_database, number)
            await messaging_database.all(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename = current_user AND pid <> pg_backend_pid()"
                )
            )
            await asyncio.sleep(0.1)  # until we have heard of it
        await eventually(lambda: _outbox_is_empty(messaging_database))
    assert set(broker.published) == {"0", "1", "2", "3", "4"}


async def test_a_database_that_restarts_is_survived_and_logged_once(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    server = await EmbeddedPostgres.start(folder, roles=["tests"], settings={})
    database = Database(server.url("tests"), schema="tests", source="tests")
    await make_tables(database)
    broker = ScriptedBroker(_accept)
    with capture_logs() as logs:
        async with running(Relay(database, broker)):
            await announce(database, 1)
            await eventually(lambda: broker.published == ["1"])
            await server.stop()
            await asyncio.sleep(1.5)
            server = await EmbeddedPostgres.start(folder, roles=["tests"], settings={})
            await announce(database, 2)
            await eventually(lambda: broker.published == ["1", "2"])
            await eventually(lambda: _outbox_is_empty(database))
    await database.close()
    await server.stop()
    assert [one["event"] for one in logs].count("relay_held_up") == 1


async def test_a_relay_that_ends_finishes_the_batch_in_hand(messaging_database: Database) -> None:
    begun = asyncio.Event()

    async def publish(_: Envelope) -> None:
        begun.set()
        await asyncio.sleep(0.2)

    broker = ScriptedBroker(publish)
    async with running(Relay(messaging_database, broker)):
        await announce(messaging_database, 1)
        await begun.wait()
    assert broker.published == ["1"]
    assert await _outbox_is_empty(messaging_database)


async def test_a_relay_that_ends_while_it_forgets_forgets_all_the_same(
    messaging_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, run = asyncio.Event(), Database.run

    async def slow_once(database: Database, *statement: Any) -> int:
        if not began.is_set():
            began.set()
            await asyncio.sleep(5)
        return await run(database, *statement)

    monkeypatch.setattr(Database, "run", slow_once)
    async with running(Relay(messaging_database, ScriptedBroker(_accept))):
        await announce(messaging_database, 1)
        await began.wait()
    assert await _outbox_is_empty(messaging_database)


async def test_an_event_whose_subscriber_is_cancelled_is_published_once_more(
    messaging_database: Database,
) -> None:
    async def publish(_: Envelope) -> None:
        if not broker.pings:
            broker.pings += 1
            raise asyncio.CancelledError

    broker = ScriptedBroker(publish)
    async with running(Relay(messaging_database, broker)):
        await announce(messaging_database, 1)
        await eventually(lambda: _outbox_is_empty(messaging_database))
    assert broker.published == ["1"]
