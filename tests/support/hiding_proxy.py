"""A reverse proxy that passes on everything but the name under which it was called."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_HOST = re.compile(rb"\r\nhost: [^\r]*", re.IGNORECASE)
_INSIDE = b"\r\nHost: inside.example"


@asynccontextmanager
async def hiding_proxy(port: int) -> AsyncIterator[str]:
    """The address of a proxy to `port` of this machine, which gets `Host` as proxies often make
    it: the name of the server behind them."""

    async def passed(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_copy(client, requests, hide=True))
                ways.create_task(_copy(server, answers, hide=False))

    listening = await asyncio.start_server(passed, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, hide: bool) -> None:
    while block := await source.read(65536):
        target.write(_HOST.sub(_INSIDE, block, count=1) if hide else block)
        await target.drain()
    target.close()
