"""Commands on the data of the embedded suite, whether it runs or not."""

import asyncio
from collections.abc import Awaitable, Callable

import typer
from rich.console import Console

from deploy.home import Home
from deploy.postgres.cluster import ClusterFailed
from deploy.postgres.embedded import FolderInUse
from deploy.settings import EmbeddedSettings
from shared.db.migrations import MigrationFailed
from shared.observability.logging import configure
from shared.settings import BadSettings, load_or_exit

err = Console(stderr=True, highlight=False, soft_wrap=True)


def run_on_home(work: Callable[[Home], Awaitable[int]]) -> None:
    """Do `work`, which returns an exit code; what it cannot do is said in one line."""
    settings = load_or_exit(EmbeddedSettings)
    configure("madang", "ERROR", pretty=True)

    async def done() -> int:
        return await work(Home(settings.madang_home))

    try:
        code = asyncio.run(done())
    except BadSettings as bad:
        err.print(f"These settings are missing or wrong:\n{bad}", markup=False)
        code = 2
    except (ClusterFailed, FolderInUse, FileNotFoundError, MigrationFailed) as error:
        err.print(f"The database cannot be reached: {error}")
        code = 1
    if code:
        raise typer.Exit(code)
