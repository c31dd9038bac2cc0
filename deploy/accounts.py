"""Commands on accounts and keys of the embedded suite, whether it runs or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console

from auth_service.administration import commands as roles
from auth_service.seeding import commands as users
from auth_service.settings import AuthSettings
from auth_service.tokens import commands as signing_keys
from deploy.front_end import Refused
from deploy.home import Home
from deploy.postgres.cluster import ClusterFailed
from deploy.postgres.embedded import FolderInUse
from deploy.running import NotStarted
from deploy.seed import seed_videos
from deploy.service_database import database_of
from deploy.settings import EmbeddedSettings
from shared.observability.logging import configure
from shared.settings import BadSettings, load, load_or_exit

Login = Annotated[str, typer.Argument(help="An e-mail address or a handle.")]
Role = Annotated[str, typer.Argument(help="admin, support or pro.")]
Work = Callable[[AuthSettings], Awaitable[int]]
"""Takes the settings of the auth service and returns an exit code."""
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for command in (grant_role, revoke_role, seed, rotate_keys, withdraw_keys):
        app.command()(command)


def grant_role(login: Login, role: Role) -> None:
    """Give somebody a role: how the first administrator is made."""
    _run(lambda settings: roles.grant_role(settings, login, role))


def revoke_role(login: Login, role: Role) -> None:
    """Take a role from somebody."""
    _run(lambda settings: roles.revoke_role(settings, login, role))


def rotate_keys() -> None:
    """Let a new key sign access tokens soon; nobody notices."""
    _run(signing_keys.rotate_keys)


def withdraw_keys() -> None:
    """Refuse all access tokens signed until now: after a theft. Sessions go on by themselves."""
    _run(signing_keys.withdraw_keys)


def seed() -> None:
    """Make 20 test users, some with a captioned video, and say how to log in."""
    settings = load_or_exit(EmbeddedSettings)
    _run(users.seed)
    try:
        asyncio.run(seed_videos(Home(settings.madang_home), out))
    except (NotStarted, Refused, TimeoutError) as error:
        err.print(f"The videos could not be made: {error}")
        raise typer.Exit(1) from None


@asynccontextmanager
async def auth_settings(home: Home) -> AsyncIterator[AuthSettings]:
    """The settings of the auth service of `home`; its database is started when it does not run.

    Raises `ClusterFailed`, `FolderInUse` and `MigrationFailed`.
    """
    async with database_of(home, "auth") as database_url:
        yield _settings(home, database_url)


def _settings(home: Home, database_url: str) -> AuthSettings:
    return load(
        AuthSettings,
        secret_key=home.secret_key(),
        database_url=database_url,
        amqp_url="in-process:",
        storage_url=home.storage.as_uri(),
    )


def _run(work: Work) -> None:
    settings = load_or_exit(EmbeddedSettings)
    configure("madang", "WARNING", pretty=True)

    async def with_settings() -> int:
        async with auth_settings(Home(settings.madang_home)) as found:
            return await work(found)

    try:
        code = asyncio.run(with_settings())
    except BadSettings as bad:
        err.print(f"These settings are missing or wrong:\n{bad}", markup=False)
        code = 2
    except (ClusterFailed, FolderInUse, FileNotFoundError) as error:
        err.print(f"The database cannot be reached: {error}")
        code = 1
    if code:
        raise typer.Exit(code)
