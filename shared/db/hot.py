"""The hottest statements, each alone, at a third of what the engine takes for them.

SQLAlchemy Core builds and compiles a statement, once; asyncpg executes it, on connections of its
own: no pool that asks first whether a connection is well, no cursor, no wrapped rows.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import JSON, Executable
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from shared.db.away import CANNOT_CONNECT, MAY_BE_LOST, DatabaseAway, is_lost
from shared.db.executor import Parameters

_WAIT_SECONDS = 10.0
_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
"""A hot statement finds its rows by their keys, and is not planned each time."""

_PLANS_SERVE = 500
"""Statements, on one connection; then plans are made anew. A table may have been almost empty
before, and any way to a row as good as any other."""


class _Row(asyncpg.Record):
    """A row whose columns are attributes, as those of the engine are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class _Connection(asyncpg.Connection):
    """`served` is how many statements it has executed."""

    served = 0


class _Compiled:
    """A statement as PostgreSQL takes it, and how its parameters get their order."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
            raise TypeError(f"this is not hot, its text depends on its parameters: {statement}")
        columns = getattr(statement, "exported_columns", ())
        if any(isinstance(one.type, JSON) for one in (*columns, *compiled.binds.values())):
            raise TypeError(f"this is not hot, asyncpg knows JSON as text alone: {statement}")
        self.text = compiled.string
        self._names = tuple(compiled.positiontup or ())
        self._given = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, params: Parameters | None) -> list[Any]:
        """The values in their order."""
        if not isinstance(params, Mapping | None):
            raise TypeError("a hot statement is executed once at a time")
        values = {**self._given, **(params or {})}
        return [values[name] for name in self._names]


class Hot:
    """Executes single statements, each of which commits by itself; an `Executor`.

    For statements that are constants of a module, since each stays compiled for ever, and that may
    be repeated: one whose connection turns out to be lost is sent once more.
    """

    def __init__(
        self, url: URL, dialect: Dialect, connect_args: Mapping[str, Any], size: int
    ) -> None:
        self._dialect = dialect
        settings = {**connect_args["server_settings"], **_PLANS}
        self._connect_args = {
            **dialect.create_connect_args(url)[1],
            **connect_args,
            "server_settings": settings,
        }
        self._compiled: dict[Executable, _Compiled] = {}
        self._room = size
        self._idle: list[_Connection] = []
        self._waiting: deque[asyncio.Future[_Connection | None]] = deque()
        self._closed = False

    async def one(self, statement: Executable, params: Parameters | None = None) -> Any:
        """The first row, or None."""
        rows = await self.all(statement, params)
        return rows[0] if rows else None

    async def all(self, statement: Executable, params: Parameters | None = None) -> Any:
        """Every row."""
        return await self._execute("fetch", statement, params)

    async def run(self, statement: Executable, params: Parameters | None = None) -> int:
        """The number of rows affected."""
        status: str = await self._execute("execute", statement, params)
        return int(status.rpartition(" ")[2])

    async def close(self) -> None:
        """Close every connection; those in use are closed when they come back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _execute(self, method: str, statement: Executable, params: Parameters | None) -> Any:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._dialect)
        arguments = compiled.arguments(params)
        try:
            return await self._on_a_connection(method, compiled.text, arguments)
        except MAY_BE_LOST as error:
            if not is_lost(error):
                raise
            self._drop_idle()
        try:
            return await self._on_a_connection(method, compiled.text, arguments)
        except MAY_BE_LOST as error:
            if is_lost(error):
                raise DatabaseAway from error
            raise

    async def _on_a_connection(self, method: str, text: str, arguments: list[Any]) -> Any:
        connection = await self._take()
        sound = False
        try:
            connection.served += 1
            if connection.served % _PLANS_SERVE == 0:
                await connection.execute("DISCARD PLANS")
            answer = await getattr(connection, method)(text, *arguments)
            sound = True
        except asyncpg.InternalClientError as error:  # the server said good-bye in between
            raise asyncpg.ConnectionDoesNotExistError(str(error)) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError):  # a wrong statement or value
            sound = not connection.is_closed()
            raise
        finally:
            if sound and not self._closed:
                self._pass_on(connection)
            else:  # closed, or still busy with a statement that was given up
                connection.terminate()
                self._pass_on(None)
        return answer

    def _drop_idle(self) -> None:
        """As one was lost, the others may be, and have not noticed yet."""
        self._room += len(self._idle)
        while self._idle:
            self._idle.pop().terminate()

    async def _take(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._room += 1
        if self._room > 0:
            self._room -= 1
            return await self._connect()
        return await self._turn() or await self._connect()

    async def _connect(self) -> _Connection:
        """In room that has been made for it; raises `DatabaseAway`."""
        try:
            return await asyncpg.connect(
                **self._connect_args, record_class=_Row, connection_class=_Connection
            )
        except BaseException as error:
            self._pass_on(None)
            if isinstance(error, CANNOT_CONNECT):
                raise DatabaseAway from error
            raise

    async def _turn(self) -> _Connection | None:
        """A connection, or None for room to make one, from whoever is done first."""
        turn: asyncio.Future[_Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                return await turn
        except BaseException as error:  # cancelled, perhaps just when it was our turn
            if turn.done() and not turn.cancelled():
                self._pass_on(turn.result())
            if isinstance(error, TimeoutError):
                raise DatabaseAway("No connection became free.") from error
            raise

    def _pass_on(self, connection: _Connection | None) -> None:
        """Give a connection, or with None the room for one, to who has waited the longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._room += 1
        else:
            self._idle.append(connection)
