"""One service's way to its own schema: reads, and transactions that announce events.

A transaction is opened in one way only::

    async with database.transaction() as tx:
        await Posts(tx).add(post)
        tx.announce(PostPublished.of(post))

A clean exit commits, an exception rolls back; nothing else in the project commits. Announced
events become outbox rows in the same transaction, so that the change and its news live or die
together.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import Executable, Row, event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.db.away import CANNOT_CONNECT, MAY_BE_LOST, DatabaseAway, is_lost
from shared.db.executor import Parameters
from shared.db.hot import Hot
from shared.messaging.event import Envelope, IntegrationEvent
from shared.messaging.outbox import Outbox


class Transaction:
    """A unit of work on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._announced: list[IntegrationEvent] = []
        self._then: list[Callable[[], None]] = []

    async def one(self, statement: Executable, params: Parameters | None = None) -> Row[Any] | None:
        """The first row, or None."""
        return (await self._connection.execute(statement, params)).first()

    async def all(
        self, statement: Executable, params: Parameters | None = None
    ) -> Sequence[Row[Any]]:
        """Every row."""
        return (await self._connection.execute(statement, params)).all()

    async def run(self, statement: Executable, params: Parameters | None = None) -> int:
        """Execute and return the number of rows affected."""
        return (await self._connection.execute(statement, params)).rowcount

    def announce(self, event: IntegrationEvent) -> None:
        """Publish `event` once this transaction has committed, and never if it does not."""
        self._announced.append(event)

    @property
    def announced(self) -> Sequence[IntegrationEvent]:
        """What has been announced so far."""
        return self._announced

    def once_committed(self, then: Callable[[], None]) -> None:
        """Call `then` after the commit, and never if there is none: it wakes who works on rows."""
        self._then.append(then)

    def committed(self) -> None:
        """Tell those who wait for the commit; for `Database` alone."""
        for then in self._then:
            then()


class Database:
    """The pool of one service's own database role.

    `url` is a SQLAlchemy URL (`postgresql+asyncpg://…`); the role's search path is `schema`.
    `source` names the service in the events it announces. Of the `pool_size` connections,
    `hot_size` are for `hot`.
    """

    def __init__(
        self, url: str, *, schema: str, source: str, pool_size: int = 32, hot_size: int = 4
    ) -> None:
        self.schema = schema
        connect_args = {
            "timeout": 10,
            "server_settings": {
                "search_path": schema,
                "application_name": f"madang-{source}",
                "idle_in_transaction_session_timeout": "60000",
            },
        }
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=max(1, pool_size - hot_size),
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            connect_args=connect_args,
        )
        event.listen(self.engine.sync_engine, "checkout", _require_open)
        self.hot = Hot(self.engine.url, self.engine.dialect, connect_args, hot_size)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.outbox = Outbox(source)
        self._on_announced: list[Callable[[Sequence[IntegrationEvent]], None]] = []

    def on_announced(self, told: Callable[[Sequence[IntegrationEvent]], None]) -> None:
        """Call `told` after each commit that left events in the outbox, with these."""
        self._on_announced.append(told)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction: a clean exit commits, an exception rolls back.

        Raises `DatabaseAway`, as all others do.
        """
        async with _connected(self.engine) as connection, connection.begin():
            tx = Transaction(connection)
            yield tx
            envelopes = self.outbox.envelopes(tx.announced)
            if envelopes:
                await self.outbox.add(tx, envelopes)
        if envelopes:
            self.announced(tx.announced, envelopes)
        tx.committed()

    def announced(self, events: Sequence[IntegrationEvent], envelopes: Sequence[Envelope]) -> None:
        """Tell who waits for it that these events have been committed."""
        self.outbox.committed(envelopes)
        for told in self._on_announced:
            told(events)

    async def one(self, statement: Executable, params: Parameters | None = None) -> Row[Any] | None:
        """The first row, or None; outside any transaction."""
        async with _connected(self._reading) as connection:
            return (await connection.execute(statement, params)).first()

    async def all(
        self, statement: Executable, params: Parameters | None = None
    ) -> Sequence[Row[Any]]:
        """Every row; outside any transaction."""
        async with _connected(self._reading) as connection:
            return (await connection.execute(statement, params)).all()

    async def run(self, statement: Executable, params: Parameters | None = None) -> int:
        """Execute one statement that commits by itself; the number of rows affected."""
        async with _connected(self._reading) as connection:
            return (await connection.execute(statement, params)).rowcount

    async def ping(self) -> None:
        """Raise when the database does not answer."""
        await self.one(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.hot.close()
        await self.engine.dispose()


def _require_open(connection: Any, *_: Any) -> None:
    """Have the pool replace a connection that the server has closed while it lay there.

    To ask the server each time would be a round trip, and it may go away the moment after.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
        except CANNOT_CONNECT as error:
            raise DatabaseAway from error
        except MAY_BE_LOST as error:  # as a server that starts or recovers refuses
            if is_lost(error):
                raise DatabaseAway from error
            raise
        try:
            yield connection
        except MAY_BE_LOST as error:
            if is_lost(error):
                raise DatabaseAway from error
            raise
