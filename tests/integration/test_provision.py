"""Each service has its own role, and the database itself keeps the others out."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from deploy.postgres.embedded import EmbeddedPostgres
from deploy.postgres.provision import Unsuitable, provision
from deploy.postgres.scram import scram_verifier
from shared.db.identifiers import quoted, without_driver


@asynccontextmanager
async def connected(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(without_driver(url))
    try:
        yield connection
    finally:
        await connection.close()


def as_role(url: str, role: str, password: str) -> str:
    """`url` with another role."""
    return f"postgresql://{quote(role)}:{password}@{url.partition('@')[2]}"


def quote(role: str) -> str:
    return role.replace('"', "%22").replace(" ", "%20")


@pytest.fixture
async def admin(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The administrator's URL of a database of its own."""
    url = postgres.url("postgres", "postgres")
    async with connected(url) as connection:
        await connection.execute("CREATE DATABASE provisioning")
        yield postgres.url("postgres", "provisioning")
        await connection.execute("DROP DATABASE provisioning WITH (FORCE)")
        for role in ("one", "two", 'odd "name"', "manager"):
            await connection.execute(f"DROP ROLE IF EXISTS {quoted(role)}")


async def test_a_service_cannot_read_the_schema_of_another(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres.url("jobs")) as jobs:
        await jobs.execute("CREATE TABLE IF NOT EXISTS jobs.private (id int)")
    async with connected(postgres.url("auth")) as auth:
        for attempt in (
            "SELECT * FROM jobs.private",
            "CREATE TABLE jobs.mine (id int)",
            "DROP TABLE jobs.private",
            "CREATE TABLE public.mine (id int)",
            "CREATE SCHEMA mine",
            "SET ROLE jobs",
            "CREATE TEMP TABLE mine (id int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auth.execute(attempt)
    async with connected(postgres.url("jobs")) as jobs:
        await jobs.execute("DROP TABLE jobs.private")


async def test_a_role_is_no_superuser_and_its_statements_are_bounded(
    postgres: EmbeddedPostgres,
) -> None:
    async with connected(postgres.url("auth")) as auth:
        assert await auth.fetchval("SHOW is_superuser") == "off"
        assert await auth.fetchval("SHOW statement_timeout") == "30s"
        assert await auth.fetchval("SHOW lock_timeout") == "10s"
        assert await auth.fetchval("SHOW search_path") == "auth"
        await auth.execute("CREATE TABLE found_by_search_path (id int)")
        await auth.execute("DROP TABLE auth.found_by_search_path")


async def test_provisioning_again_changes_nothing_but_the_password(admin: str) -> None:
    await provision(admin, {"one": "first"})
    async with connected(as_role(admin, "one", "first")) as one:
        await one.execute("CREATE TABLE kept AS SELECT 7 AS value")
    await provision(admin, {"one": "second"})
    async with connected(as_role(admin, "one", "second")) as one:
        assert await one.fetchval("SELECT value FROM one.kept") == 7
    with pytest.raises(asyncpg.InvalidPasswordError):
        async with connected(as_role(admin, "one", "first")):
            pass


async def test_two_provisionings_at_once_both_succeed(admin: str) -> None:
    await asyncio.gather(*(provision(admin, {"one": "p", "two": "p"}) for _ in range(4)))
    async with connected(as_role(admin, "two", "p")) as two:
        assert await two.fetchval("SELECT current_schema()") == "two"


async def test_a_name_is_a_name_whatever_it_contains(admin: str) -> None:
    await provision(admin, {'odd "name"': "p'"})
    async with connected(as_role(admin, 'odd "name"', "p'")) as odd:
        assert await odd.fetchval("SELECT current_schema()") == 'odd "name"'


async def test_a_superuser_is_not_made_a_service(admin: str) -> None:
    with pytest.raises(Unsuitable, match="postgres is a superuser"):
        await provision(admin, {"postgres": "p"})


async def test_an_owner_of_the_database_without_superuser_rights_can_provision(admin: str) -> None:
    async with connected(admin) as connection:
        await connection.execute("CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'm'")
        await connection.execute("ALTER DATABASE provisioning OWNER TO manager")
    for _ in range(2):
        await provision(as_role(admin, "manager", "m"), {"one": "p", "two": "p"})
    async with connected(as_role(admin, "one", "p")) as one:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await one.execute("CREATE TABLE two.mine (id int)")


def test_no_password_is_kept_in_the_clear() -> None:
    verifier = scram_verifier("correct horse")
    assert verifier.startswith("SCRAM-SHA-256$4096:")
    assert verifier != scram_verifier("correct horse")
    with pytest.raises(ValueError, match="ASCII"):
        scram_verifier("비밀번호")


def run_command(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.postgres.provision"],
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_names_every_missing_variable() -> None:
    done = run_command(AUTH_DB_PASSWORD="a")
    assert done.returncode == 2
    for name in ("DATABASE_ADMIN_URL", "CONTENT_DB_PASSWORD", "JOBS_DB_PASSWORD"):
        assert name in done.stderr


def test_the_command_says_why_it_failed_without_the_password() -> None:
    done = run_command(
        DATABASE_ADMIN_URL="postgresql://admin:hunter2@127.0.0.1:1/none",
        AUTH_DB_PASSWORD="a",
        CONTENT_DB_PASSWORD="b",
        JOBS_DB_PASSWORD="c",
    )
    assert done.returncode == 1
    assert "provisioning_failed" in done.stderr
    assert "hunter2" not in done.stderr
