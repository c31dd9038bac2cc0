"""A process for the tests of `shared.runtime.process`; each argument is one way it behaves.

It tells on standard output what happens in it, one word or URL a line.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.runtime.readiness import Readiness
from shared.runtime.service import Component, Ready, Service


def tell(what: str) -> None:
    """Say what happens."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def slow(_: Request) -> Response:
    """Take half a second, or for ever."""
    tell("asked")
    await asyncio.sleep(60 if "stuck-request" in sys.argv else 0.5)
    return PlainTextResponse(f"draining: {Readiness.draining}")


async def careful(ready: Ready) -> None:
    """Finish what is in hand when cancelled."""
    await asyncio.sleep(0.05)
    tell("ready")
    ready()
    if "crash" in sys.argv:
        raise RuntimeError("out of luck")
    if "return" in sys.argv:
        return
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        tell("finishing")
        await asyncio.sleep(60 if "stuck-component" in sys.argv else 0.2)
        tell("finished")


async def never_ready(_: Ready) -> None:
    """Wait for something that does not come."""
    tell("waiting")
    await asyncio.sleep(60)


def says(what: str, *, fails: bool = False) -> Callable[[], Awaitable[None]]:
    """A step that tells `what` and, if so asked, fails."""

    async def step() -> None:
        tell(what)
        if fails:
            raise RuntimeError(what)

    return step


async def main() -> int:
    """Serve until told to end."""
    app = Starlette(routes=[Route("/slow", slow)])
    service = Service(
        "probe",
        app,
        components=(Component("work", never_ready if "unready" in sys.argv else careful),),
        before_start=(says("first"), says("second", fails="refuse" in sys.argv)),
        close=(says("close failing", fails="bad-close" in sys.argv), says("closed")),
    )
    drain_seconds = 0.5 if any("stuck" in one for one in sys.argv) else 5
    return await serve(
        [service], app, host="127.0.0.1", port=0, drain_seconds=drain_seconds, on_listening=tell
    )


if __name__ == "__main__":
    configure("probe")
    sys.exit(uvloop.run(main()))
