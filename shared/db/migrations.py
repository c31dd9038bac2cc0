"""Brings a service's schema to the version its code needs.

The migrations of `<package>/migrations/versions` run in one transaction: all of them, or none.
Only one process migrates a schema at a time; the others wait, and then find nothing to do.

Alembic itself is loaded only when there is something to migrate, which spares an embedded start
a fifth of a second.
"""

import ast
import asyncio
import re
import threading
import traceback
import zlib
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.db.database import Database
from shared.db.identifiers import quoted
from shared.observability.logging import get_logger
from shared.runtime.service import CannotStart

log = get_logger(__name__)

_LIMITS = {
    "lock_timeout": "5s",  # a migration that waits for a table's lock stops everybody behind it
    "statement_timeout": "10min",
    "idle_in_transaction_session_timeout": "10min",
}
_WAIT_SECONDS = 600
_NO_ACCESS = (OSError, asyncpg.PostgresError, DBAPIError)
_ENVIRONMENT = Path(__file__).parent / "alembic"
_REVISION = re.compile(r"^(revision|down_revision)\b[^=]*=\s*(.+)$", re.MULTILINE)
_one_at_a_time = threading.Lock()  # Alembic keeps its present migration in module variables


class MigrationFailed(Exception):  # noqa: N818 - reads as what it is
    """The schema could not be migrated and is as it was; the message names the migration."""


class SchemaBehind(CannotStart):
    """The schema is older than the code; the message says how to migrate it."""


async def migrate(
    database_url: str, package: str, schema: str, *, wait_seconds: float = _WAIT_SECONDS
) -> None:
    """Bring `schema` to the newest migration of `package`.

    A schema that is newer is left alone. `wait_seconds` is how long to wait for another process
    that is migrating it. Raises `MigrationFailed`.
    """
    engine = create_async_engine(
        database_url,
        poolclass=NullPool,
        connect_args={"server_settings": {**_LIMITS, "search_path": schema}},
    )
    try:
        async with engine.connect() as connection:
            version = await _version(connection, schema)
    except _NO_ACCESS as error:
        raise MigrationFailed(f"{package}: the database does not let us in: {error}") from error
    finally:
        await engine.dispose()
    if version == _head(package) or _is_newer(version, package, schema):
        return
    await asyncio.to_thread(_migrate_in_thread, engine, package, schema, wait_seconds)


def require_migrated(database: Database, package: str) -> Callable[[], Awaitable[None]]:
    """A start-up check: raises `SchemaBehind` when migrations of `package` have not run, and
    `CannotStart` when the database cannot be asked.

    A schema that is newer passes, so that the previous release still starts after a roll-back.
    """

    async def check() -> None:
        try:
            async with database.engine.connect() as connection:
                version = await _version(connection, database.schema)
        except _NO_ACCESS as error:
            raise CannotStart(f"The database does not let us in: {error}") from error
        if version == _head(package) or _is_newer(version, package, database.schema):
            return
        raise SchemaBehind(
            f"The schema {database.schema} is at version {version or 'none'} and this program "
            f"needs {_head(package)}: run python -m {package} migrate."
        )

    return check


def _is_newer(version: str | None, package: str, schema: str) -> bool:
    """Whether a later release, unknown to us, has migrated the schema: migrations only add what
    the release before can ignore."""
    if version is None or version in _versions(package):
        return False
    log.warning("schema_is_newer", schema=schema, version=version)
    return True


async def _version(connection: AsyncConnection, schema: str) -> str | None:
    table = f"{quoted(schema)}.alembic_version"
    exists = await connection.scalar(text("SELECT to_regclass(:table)"), {"table": table})
    if exists is None:
        return None
    version: str | None = await connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608 - quoted
    return version


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"There is no package {package}.")
    return Path(spec.submodule_search_locations[0]) / "migrations" / "versions"


def _versions(package: str) -> dict[str, str | None]:
    """Each revision and the one before it, read from the files without running them."""
    found = {}
    for file in _folder(package).glob("*.py"):
        names = {
            name: ast.literal_eval(value) for name, value in _REVISION.findall(file.read_text())
        }
        if "revision" in names:
            found[names["revision"]] = names["down_revision"]
    return found


def _head(package: str) -> str | None:
    versions = _versions(package)
    heads = versions.keys() - versions.values()
    if len(heads) > 1:
        raise MigrationFailed(f"{package} has several newest migrations: {sorted(heads)}")
    return next(iter(heads), None)


def _migrate_in_thread(engine: AsyncEngine, package: str, schema: str, wait_seconds: float) -> None:
    with _one_at_a_time:
        asyncio.run(_migrate_alone(engine, package, schema, wait_seconds))


async def _migrate_alone(
    engine: AsyncEngine, package: str, schema: str, wait_seconds: float
) -> None:
    async with engine.connect() as guard:
        await _lock(
            await guard.execution_options(isolation_level="AUTOCOMMIT"), schema, wait_seconds
        )
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade, package, schema)
        except Exception as error:
            raise _failure(error, package) from error
    log.info("migrated", schema=schema, version=_head(package))


async def _lock(guard: AsyncConnection, schema: str, wait_seconds: float) -> None:
    """Hold the schema's lock for as long as `guard` is connected.

    Asks again and again: a statement that waits would hold a snapshot, for which the other
    process's CREATE INDEX CONCURRENTLY would wait in turn.
    """
    attempt = text("SELECT pg_try_advisory_lock(:key)").bindparams(
        key=zlib.crc32(f"migrate {schema}".encode())
    )
    try:
        async with asyncio.timeout(wait_seconds):
            while not await guard.scalar(attempt):  # noqa: ASYNC110 - no event of this process
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise MigrationFailed(
            f"Another process has been migrating {schema} for over {wait_seconds:g} s."
        ) from None


def _upgrade(connection: Connection, package: str, schema: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "schema": schema})
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("version_locations", str(_folder(package)).replace("%", "%%"))
    command.upgrade(config, "head")


def _failure(error: Exception, package: str) -> MigrationFailed:
    reason = str(error.orig) if isinstance(error, DBAPIError) else f"{error!r}"
    folder = str(_folder(package))
    frames = [one for one in traceback.extract_tb(error.__traceback__) if folder in one.filename]
    where = f"{Path(frames[0].filename).name}, line {frames[0].lineno}" if frames else "a migration"
    return MigrationFailed(f"{package}: {where} failed and nothing was changed: {reason}")
