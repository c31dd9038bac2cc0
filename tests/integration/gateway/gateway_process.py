"""A gateway in a process of its own, so that its memory can be read: prints its port and
a token."""

import asyncio
import sys

import uvloop

from tests.integration.gateway.support import proxying
from tests.support.gateway import TOKEN


async def _serve(url: str) -> None:
    async with proxying(url) as port:
        sys.stdout.write(f"{port} {TOKEN}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
