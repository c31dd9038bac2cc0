"""Makes roles and schemas and migrates them: what has to happen before the services start.

    DATABASE_ADMIN_URL=… AUTH_DB_PASSWORD=… … python -m deploy.docker.setup

Can be repeated at any time.
"""

import asyncio
import sys

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from deploy.postgres.provision import ProvisionSettings, Unsuitable, provision
from shared.db.migrations import MigrationFailed, migrate
from shared.observability.logging import configure, get_logger
from shared.settings import load_or_exit

log = get_logger(__name__)


async def set_up(admin_url: str, passwords: dict[str, str]) -> None:
    """Provision the service of each name in `passwords`, then migrate its schema as its role."""
    await provision(admin_url, passwords)
    for name, password in passwords.items():
        url = make_url(admin_url).set(
            drivername="postgresql+asyncpg", username=name, password=password
        )
        await migrate(url.render_as_string(hide_password=False), f"{name}_service", name)


def main() -> int:
    """The command; its exit code."""
    configure("setup")
    settings = load_or_exit(ProvisionSettings)
    try:
        asyncio.run(set_up(settings.database_admin_url.get_secret_value(), settings.passwords))
    except (
        OSError, asyncpg.PostgresError, SQLAlchemyError, Unsuitable, ValueError, MigrationFailed
    ) as error:  # fmt: skip
        log.error("setup_failed", reason=str(error))  # noqa: TRY400 - a wrong input, no bug
        return 1
    log.info("set_up", schemas=sorted(settings.passwords))
    return 0


if __name__ == "__main__":
    sys.exit(main())
