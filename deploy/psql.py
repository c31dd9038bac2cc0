"""The command that opens a database of the embedded suite, whether it runs or not."""

import asyncio
import signal
import tempfile
from functools import partial
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from deploy.home import Home
from deploy.on_home import run_on_home
from deploy.postgres.cluster import programs
from deploy.service_database import Owner, database_of


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(psql)


def psql(
    service: Annotated[Owner, typer.Argument(help="Whose tables: as its own role, no others.")],
    command: Annotated[
        str | None, typer.Option("--command", "-c", help="SQL to run instead of asking for some.")
    ] = None,
) -> None:
    """Open psql on the tables of a service."""
    run_on_home(partial(_psql, service=service, command=command))


async def _psql(home: Home, service: Owner, command: str | None) -> int:
    arguments = [] if command is None else ["--command", command]
    async with database_of(home, service) as database_url:
        url = make_url(database_url)
        with tempfile.NamedTemporaryFile("w") as passwords:  # no argument, which others would see
            passwords.write(f"*:*:*:{url.username}:{url.password}\n")
            passwords.flush()
            where = {"host": url.query["host"], "user": url.username, "dbname": url.database}
            said = " ".join(f"{name}='{value}'" for name, value in where.items())
            process = await asyncio.create_subprocess_exec(
                programs() / "psql", f"{said} passfile='{passwords.name}'", *arguments
            )
            # Ctrl-C ends a query, and not this
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
            return await process.wait()
