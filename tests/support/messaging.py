"""What tests of messaging share: events, tables, and running components."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec
import pytest
from sqlalchemy import text

from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.event import Envelope, IntegrationEvent
from shared.messaging.tables import create_messaging_tables
from shared.runtime.service import Ready


class Counted(IntegrationEvent, frozen=True):
    """An event with a number."""

    TYPE = "tests.number.counted"
    number: int = 0

    @property
    def subject(self) -> str:
        """The number."""
        return str(self.number)


class Runs(Protocol):
    """A component: a broker, a relay, a pruner."""

    async def run(self, ready: Ready) -> None:
        """Run until cancelled."""
        ...


class ScriptedBroker:
    """A `Publisher` that does as the test says of each event."""

    def __init__(self, publish: Callable[[Envelope], Awaitable[None]]) -> None:
        self._publish = publish
        self.messages: list[list[str]] = []
        self.pings = 0

    @property
    def published(self) -> list[str]:
        """The subjects of all events, in the order of their messages."""
        return [subject for message in self.messages for subject in message]

    async def publish(self, *envelopes: Envelope) -> None:
        for envelope in envelopes:
            await self._publish(envelope)
        self.messages.append([envelope.subject for envelope in envelopes])

    async def ping(self) -> None:
        self.pings += 1


@pytest.fixture
async def messaging_database(database: Database) -> Database:
    """A schema with nothing but outbox, inbox and dead letters."""
    await make_tables(database)
    return database


async def make_tables(database: Database) -> None:
    """What a service's first migration makes."""
    statements = _Statements()
    create_messaging_tables(statements)
    for statement in statements:
        await database.run(text(statement))


class _Statements(list[str]):
    def execute(self, sqltext: str) -> None:
        self.append(sqltext)


def envelope_of(number: int, event_type: str = Counted.TYPE, **changed: object) -> Envelope:
    """An event as it comes out of an outbox."""
    envelope = Envelope(
        id=uuid7(),
        source="tests",
        type=event_type,
        time=SystemClock().now(),
        subject=str(number),
        dataschema=f"{event_type}/v1",
        data=msgspec.Raw(msgspec.json.encode({"number": number})),
    )
    return msgspec.structs.replace(envelope, **changed)


@asynccontextmanager
async def running(*components: Runs) -> AsyncIterator[None]:
    """Run components until the block ends, and then as the runtime ends them."""
    tasks = []
    for component in components:
        ready = asyncio.Event()
        tasks.append(asyncio.create_task(component.run(ready.set)))
        async with asyncio.timeout(30):
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait([waiting, tasks[-1]], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if tasks[-1].done():
            await tasks[-1]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, asyncio.CancelledError), f"It ended by itself: {outcome!r}"


async def eventually(holds: Callable[[], Awaitable[bool] | bool], seconds: float = 20) -> None:
    """Wait until `holds` is true."""
    async with asyncio.timeout(seconds):
        while True:
            answer = holds()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.01)


async def count(database: Database, table: str) -> int:
    """How many rows a table has."""
    row = await database.one(text(f"SELECT count(*) AS n FROM {table}"))
    return int(row.n) if row else 0
