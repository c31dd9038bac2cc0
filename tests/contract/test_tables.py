"""The tables that the code knows are those that the migrations make."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

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
