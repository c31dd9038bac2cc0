"""Looks up hosts in threads of its own, so that slow name servers of some hold up no other."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

_THREADS = 128
"""One for each delivery that is under way: a look-up cannot be cancelled, and may take a minute."""


class Resolver:
    """Asks the system, as everybody does."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host`, the best first; raises OSError."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _look_up, host, port)

    async def close(self) -> None:
        """Begin no look-up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
