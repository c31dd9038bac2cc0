"""Migrations run once, alone, within limits, and all together or not at all."""

import asyncio
import sys
import uuid
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.database import Database
from shared.db.migrations import MigrationFailed, SchemaBehind, migrate, require_migrated

FIRST = "op.execute('CREATE TABLE things (id int PRIMARY KEY)')"
SECOND = "op.execute('ALTER TABLE things ADD COLUMN name text')"
Release = Callable[..., str]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Make a package with these migrations; the name of the package."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(*bodies: str) -> str:
        name = f"service_{uuid.uuid4().hex}"
        versions = tmp_path / name / "migrations" / "versions"
        versions.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for number, body in enumerate(bodies, start=1):
            before = f'"{number - 1:04}"' if number > 1 else None
            (versions / f"{number:04}_step.py").write_text(
                f'from alembic import op\n\nrevision = "{number:04}"\n'
                f"down_revision = {before}\n\n\ndef upgrade():\n    {body}\n"
            )
        return name

    return make


@pytest.fixture
def url(postgres: EmbeddedPostgres) -> str:
    return postgres.url("scratch")


async def another_process(
    url: str, package: str, schema: str, *, wait_seconds: float = 20
) -> asyncio.subprocess.Process:
    """A process of its own that migrates."""
    script = (
        "import asyncio, sys; from shared.db.migrations import migrate\n"
        f"sys.path.insert(0, {sys.path[0]!r})\n"
        f"asyncio.run(migrate({url!r}, {package!r}, {schema!r}, wait_seconds={wait_seconds}))"
    )
    return await asyncio.create_subprocess_exec(sys.executable, "-c", script, stderr=PIPE)


async def version(database: Database) -> str:
    row = await database.one(text("SELECT version_num FROM alembic_version"))
    assert row is not None
    return str(row.version_num)


async def tables(database: Database) -> set[str]:
    rows = await database.all(
        text("SELECT tablename FROM pg_tables WHERE schemaname = :schema"),
        {"schema": database.schema},
    )
    return {row.tablename for row in rows}


async def test_migrations_run_in_order_and_leave_their_version_in_the_schema(
    database: Database, url: str, release: Release
) -> None:
    await migrate(url, release(FIRST, SECOND), database.schema)
    assert await version(database) == "0002"
    await database.run(text("INSERT INTO things VALUES (1, 'one')"))


async def test_a_later_release_adds_only_what_is_new(
    database: Database, url: str, release: Release
) -> None:
    await migrate(url, release(FIRST), database.schema)
    await migrate(url, release(FIRST, SECOND), database.schema)
    assert await version(database) == "0002"


async def test_two_processes_migrating_at_once_both_succeed(
    database: Database, url: str, release: Release
) -> None:
    package = release(FIRST, "op.execute('SELECT pg_sleep(0.5)')", SECOND)
    other = [await another_process(url, package, database.schema) for _ in range(2)]
    await migrate(url, package, database.schema)
    assert [await one.wait() for one in other] == [0, 0]
    assert await version(database) == "0003"


async def test_several_services_can_be_migrated_in_one_process_at_once(
    database: Database, url: str, release: Release
) -> None:
    for name in ("a", "b", "c"):
        await database.run(text(f"CREATE SCHEMA {database.schema}_{name}"))
    await asyncio.gather(
        *(migrate(url, release(FIRST, SECOND), f"{database.schema}_{name}") for name in "abc")
    )
    for name in ("a", "b", "c"):
        await database.run(text(f"INSERT INTO {database.schema}_{name}.things VALUES (1, 'x')"))
        await database.run(text(f"DROP SCHEMA {database.schema}_{name} CASCADE"))


async def test_a_migration_that_fails_is_named_and_leaves_nothing(
    database: Database, url: str, release: Release
) -> None:
    package = release(FIRST, SECOND, "op.execute('SELECT 1 / 0')")
    with pytest.raises(MigrationFailed, match=r"0003_step\.py, line 8 .*division by zero"):
        await migrate(url, package, database.schema)
    assert await tables(database) == set()


async def test_a_migration_that_is_no_python_is_named(
    database: Database, url: str, release: Release
) -> None:
    with pytest.raises(MigrationFailed, match=r"0001_step\.py"):
        await migrate(url, release("this is not"), database.schema)


async def test_a_migration_does_not_wait_long_for_a_table_in_use(
    database: Database,
    url: str,
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(migrate.__globals__["_LIMITS"], "lock_timeout", "200ms")
    await migrate(url, release(FIRST), database.schema)
    package = release(FIRST, SECOND)
    async with database.transaction() as reader:
        await reader.all(text("SELECT * FROM things"))
        with pytest.raises(MigrationFailed, match=r"0002_step\.py.*lock timeout"):
            await migrate(url, package, database.schema)
    await migrate(url, package, database.schema)
    assert await version(database) == "0002"


async def test_waiting_for_another_migration_has_an_end(
    database: Database, url: str, release: Release
) -> None:
    package = release(FIRST, "op.execute('SELECT pg_sleep(1)')")
    first = asyncio.ensure_future(
        asyncio.to_thread(asyncio.run, migrate(url, package, database.schema))
    )
    other = await another_process(url, package, database.schema, wait_seconds=0.1)
    _, complaint = await other.communicate()
    assert b"Another process has been migrating" in complaint
    await first


async def test_a_program_refuses_to_start_on_a_schema_that_is_behind(
    database: Database, url: str, release: Release
) -> None:
    package = release(FIRST, SECOND)
    with pytest.raises(SchemaBehind, match=f"at version none .* python -m {package} migrate"):
        await require_migrated(database, package)()
    await migrate(url, release(FIRST), database.schema)
    with pytest.raises(SchemaBehind, match="at version 0001 and this program needs 0002"):
        await require_migrated(database, package)()
    await migrate(url, package, database.schema)
    await require_migrated(database, package)()


async def test_the_previous_release_still_starts_after_a_roll_back(
    database: Database, url: str, release: Release
) -> None:
    await migrate(url, release(FIRST, SECOND), database.schema)
    previous = release(FIRST)
    await migrate(url, previous, database.schema)
    await require_migrated(database, previous)()
    assert await version(database) == "0002"


async def test_two_newest_migrations_are_refused(
    database: Database, url: str, release: Release, tmp_path: Path
) -> None:
    package = release(FIRST, SECOND)
    fork = tmp_path / package / "migrations" / "versions" / "0003_fork.py"
    fork.write_text('revision = "0003"\ndown_revision = "0001"\n')
    with pytest.raises(MigrationFailed, match=r"\['0002', '0003'\]"):
        await migrate(url, package, database.schema)


async def test_a_database_that_cannot_be_reached_is_told_plainly(
    url: str, release: Release
) -> None:
    package = release(FIRST)
    closed = "postgresql+asyncpg://auth:secret@127.0.0.1:1/madang"
    wrong = url.replace("scratch:", "scratch:not")
    for address in (closed, wrong):
        with pytest.raises(MigrationFailed, match="does not let us in") as caught:
            await migrate(address, package, "auth")
        assert "secret" not in str(caught.value)
