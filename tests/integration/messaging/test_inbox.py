import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from shared.clock import SystemClock
from shared.db.database import Database, Transaction
from shared.errors import NotFound
from shared.ids import uuid7
from shared.messaging.broker import SubscriberAway, Subscription
from shared.messaging.inbox import Inbox, InboxPruner
from tests.support.messaging import count, envelope_of, make_tables


class Number(msgspec.Struct, frozen=True):
    number: int


class Handler:
    """Writes the number within the transaction, then fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def __call__(self, tx: Transaction, event: Number) -> None:
        await tx.run(text("INSERT INTO numbers VALUES (:number)"), {"number": event.number})
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
async def database(database: Database) -> Database:
    await make_tables(database)
    await database.run(text("CREATE TABLE numbers (number integer)"))
    return database


def _subscription(database: Database, handler: Handler, name: str = "tests.sum") -> Subscription:
    return Inbox(database).subscription(name, "tests.number.counted", Number, handler)


async def test_the_handler_and_the_memory_of_it_are_one_transaction(database: Database) -> None:
    subscription = _subscription(database, Handler())
    await subscription.handle(envelope_of(3))
    assert await count(database, "numbers") == await count(database, "inbox") == 1


async def test_a_failed_handler_leaves_no_trace_and_may_try_again(database: Database) -> None:
    subscription = _subscription(database, Handler(NotFound("no such number")))
    event = envelope_of(3)
    with pytest.raises(NotFound):
        await subscription.handle(event)
    assert await count(database, "numbers") == await count(database, "inbox") == 0
    await subscription.handle(event)
    assert await count(database, "numbers") == 1


async def test_the_same_event_is_handled_once_by_each_subscription(database: Database) -> None:
    event = envelope_of(3)
    for name in ("tests.sum", "tests.product", "tests.sum"):
        await _subscription(database, Handler(), name).handle(event)
    assert await count(database, "numbers") == 2


async def test_two_deliveries_at_the_same_moment_are_handled_once(database: Database) -> None:
    subscription = _subscription(database, Handler())
    event = envelope_of(3)
    await asyncio.gather(*(subscription.handle(event) for _ in range(8)))
    assert await count(database, "numbers") == 1


async def test_unknown_fields_are_ignored_and_missing_ones_refused(database: Database) -> None:
    subscription = _subscription(database, Handler())
    newer = envelope_of(3, data=msgspec.Raw(b'{"number": 3, "colour": "red"}'))
    await subscription.handle(newer)
    with pytest.raises(msgspec.ValidationError, match="number"):
        await subscription.handle(envelope_of(3, data=msgspec.Raw(b'{"colour": "red"}')))
    assert await count(database, "inbox") == 1


async def test_a_lost_database_is_told_apart_from_a_failed_handler(database: Database) -> None:
    async def cut_off(tx: Transaction, event: Number) -> None:
        await tx.run(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    subscription = Inbox(database).subscription("tests.cut", "t", Number, cut_off)
    with pytest.raises(SubscriberAway, match=r"tests\.cut"):
        await subscription.handle(envelope_of(1))


async def test_a_database_that_refuses_connections_is_away() -> None:
    nowhere = Database(
        "postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="none", source="tests"
    )
    subscription = Inbox(nowhere).subscription("tests.refused", "t", Number, Handler())
    with pytest.raises(SubscriberAway):
        await subscription.handle(envelope_of(1))
    await nowhere.close()


async def test_rows_older_than_a_fortnight_are_pruned(database: Database) -> None:
    now = SystemClock().now()
    for days in (0, 13, 15, 100):
        await database.run(
            text("INSERT INTO inbox VALUES ('tests.sum', :id, :at)"),
            {"id": uuid7(), "at": now - timedelta(days=days)},
        )
    assert await InboxPruner(database).prune() == 2
    assert await count(database, "inbox") == 2
