"""What a hit in the gateway's short cache costs, and how soon a change is seen.

    python -m tests.bench.cache

The hit: looking up and answering 1 KB, without a server around it, beside an app that only
answers. The change: from the commit that announces an event to the purge, an event every 20 ms
over PostgreSQL with its usual durability, the relay, and each broker.
"""

import asyncio
import logging
import tempfile
from functools import partial
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.postgres.embedded import EmbeddedPostgres
from gateway.cache.cache import Cache
from gateway.cache.purging import PURGING, purging
from shared.clock import SystemClock
from shared.db.database import Database
from shared.messaging.broker import Broker
from shared.messaging.event import IntegrationEvent
from shared.messaging.in_process import InProcessBroker
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.messaging.relay import Relay
from tests.support.caching import MAX_BYTES, behind
from tests.support.messaging import eventually, make_tables, running
from tests.support.rabbitmq import a_broker

_REQUESTS = 200_000
_ROUNDS = 5
_EVENTS = 300
_SCOPE = {
    "type": "http",
    "method": "GET",
    "scheme": "http",
    "raw_path": b"/api/posts",
    "query_string": b"page=1",
    "headers": [
        (b"host", b"127.0.0.1:8000"),
        (b"origin", b"https://app.example"),
        (b"accept", b"*/*"),
        (b"user-agent", b"bench"),
    ],
}
_BODY = b"x" * 1024
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"1024")]


class _PostPublished(IntegrationEvent, frozen=True):
    TYPE = PURGING[0]
    number: int = 0

    @property
    def subject(self) -> str:
        """The number."""
        return str(self.number)


class _Watched(Cache):
    """Notes when it is purged."""

    purged_at: float

    def has_purged(self, times: int) -> bool:
        return self.purges > times

    def purge(self) -> None:
        super().purge()
        self.purged_at = perf_counter()


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


async def _receive() -> Message:
    raise AssertionError("nobody reads a body here")


async def _send(_: Message) -> None:
    pass


async def _microseconds(app: ASGIApp) -> float:
    """Of a request, in the best of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = perf_counter()
        for _ in range(_REQUESTS):
            await app(_SCOPE, _receive, _send)
        best = min(best, perf_counter() - started)
    return best / _REQUESTS * 1e6


async def _measure_hits() -> None:
    app = behind(Cache(300, MAX_BYTES, SystemClock()), _answer)
    alone, hit = await _microseconds(_answer), await _microseconds(app)
    print(f"a hit {hit:.2f} us, an app that only answers {alone:.2f} us")


async def _measure_purges(name: str, broker: Broker, database: Database) -> None:
    cache = _Watched(300, MAX_BYTES, SystemClock())
    broker.subscribe(purging(cache))
    milliseconds = []
    async with running(broker, Relay(database, broker)):
        await eventually(lambda: cache.purges > 0)
        for number in range(_EVENTS):
            purges = cache.purges
            async with database.transaction() as tx:
                tx.announce(_PostPublished(number))
            committed = perf_counter()
            await asyncio.sleep(0.02)
            await eventually(partial(cache.has_purged, purges))
            milliseconds.append((cache.purged_at - committed) * 1000)
    cuts = quantiles(milliseconds, n=100)
    print(f"{name:<11} commit to purge: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms")


async def main() -> None:
    """Measure hits, and purges over both brokers."""
    logging.disable()
    await _measure_hits()
    rabbitmq = a_broker()
    try:
        rabbitmq.start()
        with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
            server = await EmbeddedPostgres.start(Path(folder), roles=["bench"], settings={})
            database = Database(server.url("bench"), schema="bench", source="bench")
            try:
                await make_tables(database)
                await _measure_purges("in-process", InProcessBroker(), database)
                broker = RabbitMQBroker(rabbitmq.url, name="bench")
                await _measure_purges("rabbitmq", broker, database)
            finally:
                await database.close()
                await server.stop()
    finally:
        rabbitmq.close()


if __name__ == "__main__":
    asyncio.run(main())
