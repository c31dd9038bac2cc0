"""A real Redis for the tests, from whatever the machine has.

`REDIS_URL`, else something that answers on port 6379, else a server of our own from the installed
`redis-server`, else from Debian's package, else from a container. Tests that stop the server always
have one of their own.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.debian import can_install, install
from tests.support.docker import docker, docker_answers
from tests.support.loopback import free_port, greets, wait_until

_START_TIMEOUT = 30.0
_IMAGE = "redis:8-alpine"
_NOTHING = """\
The tests need Redis and found none. Any one of these will do:
  - set REDIS_URL to a server that the tests may use, e.g. redis://127.0.0.1:6379/15
  - install it: apt-get install redis-server, or brew install redis
  - start Docker"""


class Redis(Protocol):
    """A server that a test may stop and start; it keeps its address and none of its data."""

    url: str

    def start(self) -> None:
        """Start it and wait until it answers."""
        ...

    def kill(self) -> None:
        """End it as a power cut would."""
        ...

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        ...

    def thaw(self) -> None:
        """Let it go on."""
        ...

    def close(self) -> None:
        """End it and remove what it left behind."""
        ...


class Server:
    """A process with its own port and directory, on the loopback, that writes no data."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._home = Path(tempfile.mkdtemp(prefix="madang-redis-"))
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program, "--bind", "127.0.0.1", "--port", str(self._port),
                    "--dir", str(self._home), "--save", "", "--appendonly", "no",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        _wait_until_answering(self._port, self._check_running)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait(30)

    def freeze(self) -> None:
        """Stop the process in mid-run."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its directory."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _check_running(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            log = (self._home / "log").read_text(errors="replace")
            raise RuntimeError(f"Redis ended while starting:\n{log[-4000:]}")


class Container:
    """The official image, its port published on the loopback."""

    def __init__(self) -> None:
        self._port = free_port()
        self._name = f"madang-redis-{self._port}"
        self.url = f"redis://127.0.0.1:{self._port}/0"
        docker(
            "create", "--name", self._name, "--publish", f"127.0.0.1:{self._port}:6379",
            _IMAGE, "redis-server", "--save", "", "--appendonly", "no",
        )  # fmt: skip

    def start(self) -> None:
        """Start the container and wait until Redis answers."""
        docker("start", self._name)
        _wait_until_answering(self._port, lambda: None)

    def kill(self) -> None:
        """End the container as a power cut would."""
        docker("kill", self._name)

    def freeze(self) -> None:
        """Stop the container in mid-run."""
        docker("pause", self._name)

    def thaw(self) -> None:
        """Let the container go on."""
        docker("unpause", self._name)

    def close(self) -> None:
        """Remove the container."""
        docker("rm", "--force", "--volumes", self._name)


@pytest.fixture(scope="session")
def own_redis() -> Iterator[Redis]:
    """A running server that the test may stop and start; leave it running."""
    server = a_redis()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """The address of a server; it may be shared, so keys must be unique to the test."""
    if given := os.environ.get("REDIS_URL"):
        return given
    if _answers(6379):
        return "redis://127.0.0.1:6379/0"
    own: Redis = request.getfixturevalue("own_redis")
    return own.url


def a_redis() -> Redis:
    """A server of the caller's own, not yet started, from whatever the machine has."""
    program = shutil.which("redis-server")
    if program is None and can_install():
        install("redis-server")
        program = shutil.which("redis-server")
    if program:
        return Server(program)
    if docker_answers():
        return Container()
    raise RuntimeError(_NOTHING)


def _answers(port: int) -> bool:
    """Whether Redis answers, without a password."""
    return greets(port, b"PING\r\n", b"+PONG")


def _wait_until_answering(port: int, check: Callable[[], None]) -> None:
    wait_until(lambda: _answers(port), check, "Redis", _START_TIMEOUT)
