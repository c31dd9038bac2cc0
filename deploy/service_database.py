"""The databases of the embedded suite's services, for commands, whether it runs or not."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from enum import StrEnum

from deploy.home import AlreadyRunning, Home
from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.migrations import migrate


class Owner(StrEnum):
    """A service with tables."""

    AUTH = "auth"
    CONTENT = "content"
    JOBS = "jobs"


SERVICES = tuple(one.value for one in Owner)


@asynccontextmanager
async def databases_of(home: Home) -> AsyncIterator[Mapping[str, str]]:
    """The URL of each service's database as its own role. They are started, and their schemas
    brought up to date, when the suite does not run.

    Raises `ClusterFailed`, `FolderInUse` and `MigrationFailed`.
    """
    home.prepare()
    with ExitStack() as held:
        try:
            held.enter_context(home.claimed())
        except AlreadyRunning:
            yield {name: EmbeddedPostgres.url_of_running(home.postgres, name) for name in SERVICES}
            return
        postgres = await EmbeddedPostgres.start(home.postgres, roles=SERVICES)
        try:
            for name in SERVICES:
                await migrate(postgres.url(name), f"{name}_service", name)
            yield {name: postgres.url(name) for name in SERVICES}
        finally:
            await postgres.stop()


@asynccontextmanager
async def database_of(home: Home, service: str) -> AsyncIterator[str]:
    """That of one of them: `auth`, `content` or `jobs`. Raises what `databases_of` raises."""
    async with databases_of(home) as urls:
        yield urls[service]
