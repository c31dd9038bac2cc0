"""Single statements on connections of their own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import ARRAY, Text, Uuid, bindparam, cast, func, literal, select, text, update
from sqlalchemy.exc import ProgrammingError

from auth_service.tables import audit, users
from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.away import DatabaseAway
from shared.db.database import Database

_ECHO = select(
    bindparam("id", type_=Uuid).label("id"),
    bindparam("names", type_=ARRAY(Text)).label("names"),
    func.now().label("now"),
    literal("kept").label("kept"),
)
_ONE = select(literal(1).label("one"))
_SLOW = select(func.pg_sleep(0.3))
_PID = select(func.pg_backend_pid().label("pid"))
_RENAME_NOBODY = update(users).where(users.c.id == bindparam("user")).values(bio="x")


@pytest.fixture
async def database(postgres: EmbeddedPostgres, auth_database: Database) -> AsyncIterator[Database]:
    found = Database(postgres.url("auth"), schema="auth", source="auth", pool_size=4, hot_size=2)
    yield found
    await found.close()


async def test_values_come_and_go_as_they_are(database: Database) -> None:
    user = uuid4()
    row = await database.hot.one(_ECHO, {"id": user, "names": ["a", "나"]})
    assert row.id == user
    assert row.names == ["a", "나"]
    assert row.kept == "kept"
    assert isinstance(row.now, datetime)
    assert row.now.tzinfo is not None
    assert abs((datetime.now(UTC) - row.now).total_seconds()) < 60
    with pytest.raises(AttributeError, match="unknown"):
        row.unknown  # noqa: B018


async def test_no_row_is_none_and_the_rows_affected_are_counted(database: Database) -> None:
    nobody = select(users.c.id).where(users.c.id == bindparam("user"))
    assert await database.hot.one(nobody, {"user": uuid4()}) is None
    assert await database.hot.all(nobody, {"user": uuid4()}) == []
    assert await database.hot.run(_RENAME_NOBODY, {"user": uuid4()}) == 0


async def test_what_needs_more_than_a_constant_text_is_refused(database: Database) -> None:
    several = select(users.c.id).where(users.c.id.in_(bindparam("ids", expanding=True)))
    with pytest.raises(TypeError, match="depends on its parameters"):
        await database.hot.all(several, {"ids": [uuid4()]})
    with pytest.raises(TypeError, match="JSON"):
        await database.hot.all(select(audit.c.details))
    with pytest.raises(TypeError, match="once at a time"):
        await database.hot.all(_ONE, [{}, {}])


async def test_more_callers_than_connections_take_turns(database: Database) -> None:
    pids = await asyncio.gather(*(database.hot.one(_PID) for _ in range(20)))
    assert len({row.pid for row in pids}) <= 2


async def test_a_caller_that_leaves_takes_no_connection_with_it(database: Database) -> None:
    working = [asyncio.ensure_future(database.hot.one(_SLOW)) for _ in range(2)]
    waiting = [asyncio.ensure_future(database.hot.one(_ONE)) for _ in range(2)]
    await asyncio.sleep(0.1)
    for task in (*working, *waiting):
        task.cancel()
    await asyncio.gather(*working, *waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        rows = await asyncio.gather(*(database.hot.one(_ONE) for _ in range(4)))
    assert [row.one for row in rows] == [1] * 4


async def test_a_wrong_statement_does_not_cost_the_connection(database: Database) -> None:
    wrong = select(cast(bindparam("number", type_=Text), Uuid))
    before = (await database.hot.one(_PID)).pid
    with pytest.raises(Exception, match="invalid input syntax") as error:
        await database.hot.one(wrong, {"number": "x"})
    assert not isinstance(error.value, ProgrammingError | DatabaseAway)
    with pytest.raises(asyncpg.DataError, match="invalid input for query argument"):
        await database.hot.one(_ECHO, {"id": 7, "names": []})
    assert (await database.hot.one(_PID)).pid == before


async def test_a_connection_that_was_broken_off_is_replaced_without_notice(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    admin = Database(postgres.url("postgres"), schema="public", source="admin", pool_size=1)
    try:
        for pause in (0.0, 0.001, 0.1):  # before, while and after the connection notices
            lost = (await database.hot.one(_PID)).pid
            await admin.one(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
            await asyncio.sleep(pause)
            assert (await database.hot.one(_PID)).pid != lost
    finally:
        await admin.close()


async def test_a_server_that_is_not_there_is_away() -> None:
    nowhere = Database(
        "postgresql+asyncpg://auth:x@127.0.0.1:1/x", schema="auth", source="auth", hot_size=1
    )
    for _ in range(3):  # the room for a connection is not lost
        with pytest.raises(DatabaseAway):
            await nowhere.hot.one(_ONE)
    await nowhere.close()


async def test_plans_are_made_anew_from_time_to_time(database: Database) -> None:
    await database.hot.one(_ONE)
    said: list[str] = []
    database.hot._idle[0].add_query_logger(lambda record: said.append(record.query))
    for _ in range(1200):
        await database.hot.one(_ONE)
    assert said.count("DISCARD PLANS") == 2


async def test_rows_are_found_by_their_keys_however_few_there_are(database: Database) -> None:
    row = await database.hot.one(text("SELECT current_setting('enable_seqscan') AS scans"))
    assert row.scans == "off"
