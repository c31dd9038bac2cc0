"""A small upstream in a process of its own, in good health or not; a program, and its owner.

python -m tests.support.sick_upstream PORT well|slow|garbage
"""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

from tests.support.loopback import free_port

ROOT = Path(__file__).parents[2]
SLOW_SECONDS = 5.0
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]"
_GARBAGE = b"\x15\x03\x01\x00\x02\x02\x16 this is nothing that anybody asked for\r\n\r\n"


class _Upstream(asyncio.Protocol):
    def __init__(self, health: str) -> None:
        self._answer = _GARBAGE if health == "garbage" else _OK
        self._seconds = SLOW_SECONDS if health == "slow" else 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        answers = self._answer * data.count(b"\r\n\r\n")
        if self._seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._seconds, self._transport.write, answers)
        else:
            self._transport.write(answers)


async def _serve(port: int, health: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Upstream(health), "127.0.0.1", port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


class SickUpstream:
    """Starts the program on one port, in the health that is asked for, and ends it."""

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def become(self, health: str) -> None:
        """Be `well`, `slow`, full of `garbage`, `killed` (-9), or `hung` (stopped by a signal)."""
        if health == "hung":
            assert self._process is not None
            self._process.send_signal(signal.SIGSTOP)
            return
        self.kill()
        if health != "killed":
            self._start(health)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self, health: str) -> None:
        arguments = ["-m", "tests.support.sick_upstream", str(self._port), health]
        self._process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
