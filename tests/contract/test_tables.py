"""The tables that the code knows are those that the migrations make."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text

from shared.db.database import Database


def differences(connection: Connection, metadata: MetaData) -> list[object]:
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _: (kind, name) != ("table", "alembic_version"),
        },
    )
    return list(compare_metadata(context, metadata))


@pytest.fixture(params=["auth", "content", "jobs"])
def database(request: pytest.FixtureRequest) -> Database:
    """The migrated schema of each service."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


async def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    tables = importlib.import_module(f"{database.schema}_service.tables")
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences, tables.metadata) == []


async def test_tables_that_change_with_every_job_are_analysed_cheaply(
    jobs_database: Database,
) -> None:
    """A new column of theirs needs a target, too: the largest decides how many rows are read."""
    dear = text(
        """
        SELECT attrelid::regclass::text || '.' || attname AS column FROM pg_attribute
        WHERE attrelid IN ('accounts'::regclass, 'entries'::regclass, 'holds'::regclass,
                           'idempotency_keys'::regclass, 'jobs'::regclass, 'lanes'::regclass,
                           'outbox'::regclass)
            AND attnum > 0 AND NOT attisdropped AND attstattarget IS DISTINCT FROM 10
        """
    )
    assert [row.column for row in await jobs_database.all(dear)] == []
