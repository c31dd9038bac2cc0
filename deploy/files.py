"""The command on the files of the embedded suite, whether it runs or not."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from content_service.reconciling.commands import reconcile as reconcile_files
from content_service.settings import ContentSettings
from deploy.home import Home
from deploy.postgres.cluster import ClusterFailed
from deploy.postgres.embedded import FolderInUse
from deploy.service_database import database_of
from deploy.settings import EmbeddedSettings
from shared.db.migrations import MigrationFailed
from shared.observability.logging import configure
from shared.settings import BadSettings, load, load_or_exit

DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell, and change nothing.")]
EvenIfMost = Annotated[
    bool, typer.Option("--even-if-most", help="Also where most of one side would go.")
]
err = Console(stderr=True, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(reconcile)


def reconcile(dry_run: DryRun = False, even_if_most: EvenIfMost = False) -> None:
    """Make the stored files and the table of videos agree, and tell what was found."""
    settings = load_or_exit(EmbeddedSettings)
    configure("madang", "ERROR", pretty=True)
    try:
        code = asyncio.run(_reconcile(Home(settings.madang_home), dry_run, even_if_most))
    except BadSettings as bad:
        err.print(f"These settings are missing or wrong:\n{bad}", markup=False)
        code = 2
    except (ClusterFailed, FolderInUse, FileNotFoundError, MigrationFailed) as error:
        err.print(f"The database cannot be reached: {error}")
        code = 1
    if code:
        raise typer.Exit(code)


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
