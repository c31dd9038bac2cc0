"""The command `madang`: run the suite on one machine, or see it do its main job."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from deploy import accounts, dead_letters, files, ledger, psql
from deploy.demo import DemoFailed, run_demo
from deploy.home import AlreadyRunning, Home
from deploy.postgres.cluster import ClusterFailed
from deploy.settings import EmbeddedSettings
from gateway.settings import DoorSettings, Mode
from shared.db.migrations import MigrationFailed
from shared.observability.logging import configure
from shared.settings import BadSettings, load_or_exit

app = typer.Typer(
    help="Run Madang on one machine, and look after its data, in MADANG_HOME or else ~/.madang. "
    "All settings: docs/reference/settings.md.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@app.command()
def run(
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="The port to listen on; 0 takes a free one. [env: PORT]"
        ),
    ] = None,
) -> None:
    """Run the whole suite in this process until Ctrl-C.

    With USE_MOCK_API=true only the gateway runs, which answers every call with examples.
    """
    from deploy.embedded import run_suite  # everything is imported here, and only when needed

    if load_or_exit(Mode).use_mock_api:
        raise typer.Exit(_run_mock(port))
    settings = load_or_exit(EmbeddedSettings)
    configure("madang", settings.log_level, pretty=sys.stderr.isatty())
    home = Home(settings.madang_home)

    def listening(url: str) -> None:
        out.print(
            f"[bold]Madang runs at {url}[/]\n"
            f"Data:   {home.root}\n"
            f"API:    {url}/docs\n"
            f"Health: {url}/health/full\n"
            f"Mail:   {home.mail} (or set SMTP_URL)\n\n"
            "First steps, in another terminal:\n"
            f"  curl {url}/api/auth/register -H 'content-type: application/json' \\\n"
            '    -d \'{"email": "me@example.com", "user_handle": "me_first", '
            '"password": "Courtyard-42"}\'\n'
            "  make demo            captions of a small video, through this suite\n\n"
            "Ctrl-C stops it.",
            soft_wrap=True,
            markup=True,
        )

    try:
        code = uvloop.run(
            run_suite(
                home,
                host=settings.host,
                port=settings.port if port is None else port,
                on_listening=listening,
            )
        )
    except AlreadyRunning as running:
        err.print(str(running))
        code = 3
    except BadSettings as bad:
        err.print(f"These settings are missing or wrong:\n{bad}")
        code = 2
    except (OSError, ClusterFailed, MigrationFailed) as error:
        err.print(f"Madang cannot start: {error}")
        code = 1
    except KeyboardInterrupt:  # before it serves; after that it drains by itself
        code = 130
    if code == 0:
        out.print("Madang has stopped.")
    raise typer.Exit(code)


def _run_mock(port: int | None) -> int:
    from gateway.mock.service import serve_mock

    settings = load_or_exit(DoorSettings)
    out.print(
        "Mock mode: the gateway alone, which answers every call with examples (docs/mock.md).\n"
        "Ctrl-C stops it.",
        soft_wrap=True,
    )
    given = {} if port is None else {"port": port}
    return serve_mock(settings.model_copy(update=given))


@app.command()
def demo(
    video: Annotated[
        Path | None, typer.Argument(help="A video with English speech; by default a small one.")
    ] = None,
) -> None:
    """Upload a video, wait for its captions and print them."""
    if load_or_exit(Mode).use_mock_api:
        err.print("The demonstration does real work: run it without USE_MOCK_API.")
        raise typer.Exit(2)
    settings = load_or_exit(EmbeddedSettings)
    try:
        asyncio.run(run_demo(Home(settings.madang_home), video, out))
    except DemoFailed as failed:
        err.print(f"[bold red]{failed}[/]", soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


# in the order in which --help lists them
accounts.add_to(app)
files.add_to(app)
ledger.add_to(app)
psql.add_to(app)
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
