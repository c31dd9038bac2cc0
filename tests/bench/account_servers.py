"""The servers of the accounts' benchmark that are ours, each a process of its own.

    python -m tests.bench.account_servers suite HOME
    python -m tests.bench.account_servers auth DATABASE_URL STORAGE_FOLDER

Prints its port, then serves until it is told to end.
"""

import sys
from pathlib import Path

import uvloop

from auth_service.service import build
from auth_service.settings import AuthSettings
from deploy.embedded import run_suite
from deploy.home import Home
from shared.messaging.in_process import InProcessBroker
from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.settings import load

SECRET = "a secret that only benchmarks know"


def _tell(url: str) -> None:
    print(url.rpartition(":")[2], flush=True)


async def _suite(home: str) -> None:
    """As `madang run` serves it."""
    await run_suite(Home(Path(home)), host="127.0.0.1", port=0, on_listening=_tell)


async def _auth(database_url: str, storage: str) -> None:
    """As `python -m auth_service` serves it, but for the broker."""
    settings = load(
        AuthSettings,
        secret_key=SECRET,
        database_url=database_url,
        amqp_url="in-process:",
        storage_url=Path(storage).as_uri(),
    )
    service = build(settings, InProcessBroker(), peers={})
    await serve(
        [service], service.app, host="127.0.0.1", port=0, drain_seconds=1, on_listening=_tell
    )


def main(name: str, *arguments: str) -> None:
    """Serve what `name` means until told to end."""
    configure("bench", "INFO")
    match name:
        case "suite":
            uvloop.run(_suite(*arguments))
        case "auth":
            uvloop.run(_auth(*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
