"""What a service sees while PostgreSQL is away."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Row, text

from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.away import DatabaseAway
from shared.db.database import Database
from tests.support.postgres import FAST

ONE = text("SELECT 1")


@pytest.fixture
async def own_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """A server that the test may stop."""
    with TemporaryDirectory(prefix="madang-tests-") as folder:
        server = await EmbeddedPostgres.start(Path(folder), roles=("auth",), settings=FAST)
        try:
            yield server
        finally:
            await server.stop()


async def test_a_server_that_stops_is_away_and_comes_back(own_postgres: EmbeddedPostgres) -> None:
    database = Database(own_postgres.url("auth"), schema="auth", source="auth", pool_size=1)
    try:
        await database.one(ONE)
        await asyncio.to_thread(own_postgres._cluster.stop)
        with pytest.raises(DatabaseAway) as away:  # the socket is gone, not only refused
            await database.one(ONE)
        assert away.value.status == 503
        assert away.value.retriable
        with pytest.raises(DatabaseAway):
            async with database.transaction() as tx:
                await tx.one(ONE)
        await asyncio.to_thread(own_postgres._cluster.start, FAST)
        await database.one(ONE)
    finally:
        await database.close()


async def test_a_connection_that_is_broken_off_in_a_transaction_is_away(
    own_postgres: EmbeddedPostgres,
) -> None:
    database = Database(own_postgres.url("auth"), schema="auth", source="auth", pool_size=1)
    admin = Database(own_postgres.url("postgres"), schema="public", source="admin", pool_size=1)
    end_others = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='auth'")
    try:
        with pytest.raises(DatabaseAway):
            await _transact_while(database, lambda: admin.one(end_others))
        await database.one(ONE)
    finally:
        await database.close()
        await admin.close()


async def test_a_server_that_recovers_from_a_crash_is_away_and_comes_back(
    own_postgres: EmbeddedPostgres,
) -> None:
    database = Database(own_postgres.url("auth"), schema="auth", source="auth", pool_size=8)
    backend = text("SELECT pg_backend_pid() AS pid")
    try:
        found = await database.one(backend)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)  # every other backend is ended, and the server recovers
        deadline = time.monotonic() + 30
        while True:
            answers = await asyncio.gather(
                *(database.one(ONE) for _ in range(8)), return_exceptions=True
            )
            assert all(isinstance(one, DatabaseAway | Row) for one in answers), answers
            if all(isinstance(one, Row) for one in answers):
                break
            assert time.monotonic() < deadline
    finally:
        await database.close()


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid:5432"])
async def test_an_address_where_nobody_answers_is_away(host: str) -> None:
    url = f"postgresql+asyncpg://auth:secret@{host}/madang"
    database = Database(url, schema="auth", source="auth", pool_size=1)
    try:
        with pytest.raises(DatabaseAway):
            await database.ping()
    finally:
        await database.close()


async def test_a_wrong_statement_is_not_taken_for_an_absence(database: Database) -> None:
    with pytest.raises(Exception, match="does not exist") as wrong:
        await database.one(text("SELECT * FROM no_such_table"))
    assert not isinstance(wrong.value, DatabaseAway)


async def test_who_is_undone_in_a_circle_of_waiting_may_try_again(database: Database) -> None:
    lock = text("SELECT pg_advisory_xact_lock(:one)")
    holding = asyncio.Barrier(2)

    async def take(first: int, second: int) -> None:
        async with database.transaction() as tx:
            await tx.one(lock, {"one": first})
            await holding.wait()
            await tx.one(lock, {"one": second})

    outcomes = await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True)
    assert sorted(map(type, outcomes), key=str) == [type(None), DatabaseAway]


async def _transact_while(database: Database, happens: Callable[[], Awaitable[object]]) -> None:
    async with database.transaction() as tx:
        await tx.one(ONE)
        await happens()
        await tx.one(ONE)
