"""A real PostgreSQL 18 for the tests: one server for the whole run, gone after it.

- `postgres`: the server; `postgres.url(role)` for `auth`, `content`, `jobs`, or `postgres`.
- `auth_database`, `content_database`, `jobs_database`: a service's migrated schema as its own
  role sees it, emptied after each test.
- `database`: an empty schema of its own for each test, for what is in `shared`.

Emptying instead of rolling back: the code under test opens transactions of its own.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.postgres.embedded import DATABASE, EmbeddedPostgres
from shared.db.database import Database
from shared.db.identifiers import quoted
from shared.db.migrations import migrate
from shared.ids import uuid7

ROLES = ("auth", "content", "jobs", "scratch")
FAST = {"fsync": "off", "full_page_writes": "off"}
"""A server that will not outlive the run need not survive a power cut."""


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """The server of this test run."""
    with tempfile.TemporaryDirectory(prefix="madang-tests-") as folder:
        server = await EmbeddedPostgres.start(Path(folder), roles=ROLES, settings=FAST)
        try:
            await _let_scratch_make_schemas(server)
            yield server
        finally:
            await server.stop()


async def _let_scratch_make_schemas(server: EmbeddedPostgres) -> None:
    async with _open(server, "postgres", "public") as admin:
        await admin.run(text(f"GRANT CREATE ON DATABASE {quoted(DATABASE)} TO scratch"))


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """An empty schema and the role that owns it."""
    schema = f"test_{uuid7().hex}"
    async with _open(postgres, "scratch", "scratch") as keeper:
        await keeper.run(text(f"CREATE SCHEMA {quoted(schema)}"))
        try:
            async with _open(postgres, "scratch", schema) as opened:
                yield opened
        finally:
            await keeper.run(text(f"DROP SCHEMA {quoted(schema)} CASCADE"))


@pytest.fixture(scope="session")
async def _auth(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with _migrated(postgres, "auth") as database:
        yield database


@pytest.fixture(scope="session")
async def _content(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with _migrated(postgres, "content") as database:
        yield database


@pytest.fixture(scope="session")
async def _jobs(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with _migrated(postgres, "jobs") as database:
        yield database


@pytest.fixture
async def auth_database(_auth: Database) -> AsyncIterator[Database]:
    """The schema of the auth service."""
    yield _auth
    await empty(_auth)


@pytest.fixture
async def content_database(_content: Database) -> AsyncIterator[Database]:
    """The schema of the content service."""
    yield _content
    await empty(_content)


@pytest.fixture
async def jobs_database(_jobs: Database) -> AsyncIterator[Database]:
    """The schema of the jobs service."""
    yield _jobs
    await empty(_jobs)


async def empty(database: Database) -> None:
    """Remove every row of the schema, but not the version of its migrations."""
    rows = await database.all(
        text(
            "SELECT tablename, EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal"
            " AND tgrelid = format('%I.%I', schemaname, tablename)::regclass) AS guarded"
            " FROM pg_tables WHERE schemaname = :schema AND tablename <> 'alembic_version'"
        ),
        {"schema": database.schema},
    )
    if not rows:
        return
    tables = ", ".join(quoted(row.tablename) for row in rows)
    guarded = [quoted(row.tablename) for row in rows if row.guarded]
    async with database.transaction() as tx:
        for table in guarded:
            await tx.run(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        await tx.run(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        for table in guarded:
            await tx.run(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


@asynccontextmanager
async def _open(postgres: EmbeddedPostgres, role: str, schema: str) -> AsyncIterator[Database]:
    opened = Database(postgres.url(role), schema=schema, source=role, pool_size=16)
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def _migrated(postgres: EmbeddedPostgres, name: str) -> AsyncIterator[Database]:
    await migrate(postgres.url(name), f"{name}_service", name)
    async with _open(postgres, name, name) as database:
        yield database
