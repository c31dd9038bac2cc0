"""Gives each service its own role and schema, with no rights on the others'.

    DATABASE_ADMIN_URL=… AUTH_DB_PASSWORD=… … python -m deploy.postgres.provision

Can be repeated at any time; it changes a password that differs. The administrator is a superuser,
or the owner of the database with the right to create roles (managed PostgreSQL).
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping

import asyncpg
from pydantic import Field, SecretStr

from deploy.postgres.scram import scram_verifier
from shared.db.identifiers import quoted, without_driver
from shared.observability.logging import configure, get_logger
from shared.settings import Settings, load_or_exit

log = get_logger(__name__)

_LOCK = 7_310_577_903  # any number; two provisionings at once would both create the roles
_LIMITS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}


class ProvisionSettings(Settings):
    """What the command reads."""

    database_admin_url: SecretStr = Field(
        description="The administrator: postgresql://user:password@host/database."
    )
    auth_db_password: SecretStr = Field(description="The password of the role auth.")
    content_db_password: SecretStr = Field(description="The password of the role content.")
    jobs_db_password: SecretStr = Field(description="The password of the role jobs.")

    @property
    def passwords(self) -> dict[str, str]:
        """By role, which is the name of the service."""
        return {
            "auth": self.auth_db_password.get_secret_value(),
            "content": self.content_db_password.get_secret_value(),
            "jobs": self.jobs_db_password.get_secret_value(),
        }


class Unsuitable(Exception):  # noqa: N818 - reads as what it is
    """A role of that name exists and must not be a service's."""


async def provision(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make or correct, in one transaction, a role and a schema for each name in `passwords`."""
    connection = await asyncpg.connect(without_driver(admin_url), timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            database = await connection.fetchval("SELECT current_database()")
            superuser = await connection.fetchval("SELECT current_setting('is_superuser') = 'on'")
            roles = await _existing(connection, passwords)
            script = [*_for_everybody(database)]
            for role, password in passwords.items():
                script += _for_role(
                    role, password, database, exists=role in roles, join=not superuser
                )
            await connection.execute(";\n".join(script))
    finally:
        await connection.close()


async def _existing(
    connection: "asyncpg.Connection[asyncpg.Record]", names: Mapping[str, str]
) -> set[str]:
    rows = await connection.fetch(
        "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = ANY($1::text[])", list(names)
    )
    for row in rows:
        if row["rolsuper"]:
            raise Unsuitable(f"The role {row['rolname']} is a superuser; a service must not be.")
    return {row["rolname"] for row in rows}


def _for_everybody(database: str) -> Iterator[str]:
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC"


def _for_role(
    name: str, password: str, database: str, *, exists: bool, join: bool
) -> Iterator[str]:
    """`join`: without being a superuser, only a member of a role can give it a schema."""
    role = quoted(name)
    if not exists:
        yield f"CREATE ROLE {role}"
    yield f"ALTER ROLE {role} LOGIN PASSWORD '{scram_verifier(password)}'"
    for limit, value in _LIMITS.items():
        yield f"ALTER ROLE {role} SET {limit} = '{value}'"
    yield f"ALTER ROLE {role} SET search_path = {role}"
    yield f"GRANT CONNECT ON DATABASE {quoted(database)} TO {role}"
    if join:
        yield f"GRANT {role} TO CURRENT_USER"
    yield f"CREATE SCHEMA IF NOT EXISTS {role} AUTHORIZATION {role}"
    yield f"ALTER SCHEMA {role} OWNER TO {role}"
    yield f"REVOKE ALL ON SCHEMA {role} FROM PUBLIC"


def main() -> int:
    """The command; its exit code."""
    configure("provision")
    settings = load_or_exit(ProvisionSettings)
    try:
        asyncio.run(provision(settings.database_admin_url.get_secret_value(), settings.passwords))
    except (OSError, asyncpg.PostgresError, Unsuitable, ValueError) as error:
        log.error("provisioning_failed", reason=str(error))  # noqa: TRY400 - a wrong input, no bug
        return 1
    log.info("provisioned", roles=sorted(settings.passwords))
    return 0


if __name__ == "__main__":
    sys.exit(main())
