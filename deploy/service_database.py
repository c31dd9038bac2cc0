"""The database of one service of the embedded suite, for commands, whether it runs or not."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from deploy.home import AlreadyRunning, Home
from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.migrations import migrate


@asynccontextmanager
async def database_of(home: Home, service: str) -> AsyncIterator[str]:
    """The URL of the database as the role of `service` (`auth`, `content` or `jobs`), which is
    started, and its schema brought up to date, when the suite does not run.

    Raises `ClusterFailed`, `FolderInUse` and `MigrationFailed`.
    """
    home.prepare()
    with ExitStack() as held:
        try:
            held.enter_context(home.claimed())
        except AlreadyRunning:
            yield EmbeddedPostgres.url_of_running(home.postgres, service)
            return
        from deploy.embedded import SERVICES  # imports everything, which takes a while

        postgres = await EmbeddedPostgres.start(home.postgres, roles=SERVICES)
        try:
            await migrate(postgres.url(service), f"{service}_service", service)
            yield postgres.url(service)
        finally:
            await postgres.stop()
