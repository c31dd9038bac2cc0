"""How long an event takes from its commit to its handler, and what the wait costs.

    python -m tests.bench.events

A producer and a consumer with a schema each on one PostgreSQL with its usual durability, an event
every 20 ms on an otherwise idle system; then a burst; then nothing at all.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from time import perf_counter, process_time

import msgspec

from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.database import Database, Transaction
from shared.messaging.broker import Broker
from shared.messaging.in_process import InProcessBroker
from shared.messaging.inbox import Inbox
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.messaging.relay import Relay
from tests.support.messaging import Counted, eventually, make_tables, running
from tests.support.rabbitmq import a_broker

_EVENTS = 500
_BURST = 5_000
_IDLE_SECONDS = 10.0


class _Number(msgspec.Struct, frozen=True):
    number: int


class _Stopwatch:
    """Notes when each number was committed and handled."""

    def __init__(self) -> None:
        self.committed: dict[int, float] = {}
        self.handled: dict[int, float] = {}

    async def handle(self, tx: Transaction, event: _Number) -> None:
        self.handled[event.number] = perf_counter()

    async def announce(self, database: Database, *numbers: int) -> None:
        async with database.transaction() as tx:
            for number in numbers:
                tx.announce(Counted(number))
        for number in numbers:
            self.committed[number] = perf_counter()

    def milliseconds(self) -> list[float]:
        return [(self.handled[one] - self.committed[one]) * 1000 for one in self.committed]


async def measure(name: str, broker: Broker, producer: Database, consumer: Database) -> None:
    """Print one line of figures for `broker`."""
    watch = _Stopwatch()
    inbox = Inbox(consumer)
    broker.subscribe(inbox.subscription("bench.numbers", Counted.TYPE, _Number, watch.handle))
    async with running(broker, Relay(producer, broker)):
        await _one_by_one(watch, producer)
        cuts = quantiles(watch.milliseconds(), n=100)
        seconds = await _burst(watch, producer)
        cpu = process_time()
        await asyncio.sleep(_IDLE_SECONDS)
        idle = (process_time() - cpu) / _IDLE_SECONDS
    sys.stdout.write(
        f"{name:<11} idle p50 {cuts[49]:5.1f} ms  p99 {cuts[98]:5.1f} ms   "
        f"burst {_BURST / seconds:6.0f} events/s   idle CPU {idle:.2%}\n"
    )


async def _one_by_one(watch: _Stopwatch, producer: Database) -> None:
    await watch.announce(producer, -1)
    await eventually(lambda: -1 in watch.handled)
    watch.committed.clear()
    for number in range(_EVENTS):
        await watch.announce(producer, number)
        await asyncio.sleep(0.02)
    await eventually(lambda: len(watch.handled) == _EVENTS + 1)


async def _burst(watch: _Stopwatch, producer: Database) -> float:
    """Seconds from the first commit to the last handler."""
    watch.handled.clear()
    started = perf_counter()
    for first in range(0, _BURST, 100):
        await watch.announce(producer, *range(first, first + 100))
    await eventually(lambda: len(watch.handled) == _BURST, 120)
    return perf_counter() - started


@asynccontextmanager
async def _databases(folder: Path) -> AsyncIterator[Callable[[str], Database]]:
    server = await EmbeddedPostgres.start(folder, roles=["producer", "consumer"], settings={})
    opened: list[Database] = []

    def open_database(role: str) -> Database:
        opened.append(Database(server.url(role), schema=role, source=role))
        return opened[-1]

    try:
        yield open_database
    finally:
        for database in opened:
            await database.close()
        await server.stop()


async def main() -> None:
    """Measure both brokers."""
    logging.disable()
    rabbitmq = a_broker()
    try:
        rabbitmq.start()
        with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
            async with _databases(Path(folder)) as open_database:
                producer, consumer = open_database("producer"), open_database("consumer")
                await make_tables(producer)
                await make_tables(consumer)
                await measure("in-process", InProcessBroker(), producer, consumer)
                broker = RabbitMQBroker(rabbitmq.url, name="bench")
                await measure("rabbitmq", broker, producer, consumer)
    finally:
        rabbitmq.close()


if __name__ == "__main__":
    asyncio.run(main())
