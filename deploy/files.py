"""The command on the files of the embedded suite, whether it runs or not."""

from typing import Annotated

import typer

from content_service.reconciling.commands import reconcile as reconcile_files
from content_service.settings import ContentSettings
from deploy.home import Home
from deploy.on_home import run_on_home
from deploy.service_database import database_of
from shared.settings import load

DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell, and change nothing.")]
EvenIfMost = Annotated[
    bool, typer.Option("--even-if-most", help="Also where most of one side would go.")
]


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(reconcile)


def reconcile(dry_run: DryRun = False, even_if_most: EvenIfMost = False) -> None:
    """Make the stored files and the table of videos agree, and tell what was found."""
    run_on_home(lambda home: _reconcile(home, dry_run, even_if_most))


async def _reconcile(home: Home, dry_run: bool, even_if_most: bool) -> int:
    async with database_of(home, "content") as database_url:
        settings = load(
            ContentSettings,
            secret_key=home.secret_key(),
            database_url=database_url,
            amqp_url="in-process:",
            storage_url=home.storage.as_uri(),
        )
        return await reconcile_files(settings, dry_run=dry_run, even_if_most=even_if_most)
