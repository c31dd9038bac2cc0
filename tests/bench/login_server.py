"""The auth service alone, as its process serves: `python -m tests.bench.login_server DATABASE_URL`.

Prints its port, then serves until it is told to end.
"""

import sys
import tempfile
from pathlib import Path

import uvloop

from auth_service.service import build
from auth_service.settings import AuthSettings
from shared.messaging.in_process import InProcessBroker
from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.settings import load


async def main(url: str) -> None:
    """Serve with the database at `url`."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            AuthSettings,
            secret_key="s" * 32,
            database_url=url,
            amqp_url="amqp://unused",
            storage_url=Path(folder).as_uri(),
        )
        service = build(settings, InProcessBroker(), peers={})
        await serve(
            [service],
            service.app,
            host="127.0.0.1",
            port=0,
            drain_seconds=1,
            on_listening=lambda at: print(at.rpartition(":")[2], flush=True),
        )


if __name__ == "__main__":
    configure("bench", "WARNING")
    uvloop.run(main(sys.argv[1]))
