"""The command on the credits of the embedded suite, whether it runs or not."""

import typer

from deploy.home import Home
from deploy.on_home import run_on_home
from deploy.service_database import database_of
from jobs_service.credits import audit
from jobs_service.settings import JobsSettings
from shared.settings import load


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(check_ledger)


def check_ledger() -> None:
    """Prove that no credit is lost or made, or tell of which account one is."""
    run_on_home(_check_ledger)


async def _check_ledger(home: Home) -> int:
    async with database_of(home, "jobs") as database_url:
        settings = load(
            JobsSettings,
            secret_key=home.secret_key(),
            database_url=database_url,
            amqp_url="in-process:",
        )
        return await audit.check_ledger(settings)
