"""A real RabbitMQ for the tests, from whatever the machine has.

`AMQP_URL`, else something that answers on port 5672, else a node of our own from the installed
`rabbitmq-server`, else from Debian's package, else from a container. Tests that stop the broker
always have a node of their own.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.debian import can_install, install
from tests.support.docker import docker, docker_answers
from tests.support.loopback import free_port, free_ports, greets, wait_until

_START_TIMEOUT = 60.0
_IMAGE = "rabbitmq:4"
_DEBIAN_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_NOTHING = """\
The tests need RabbitMQ and found none. Any one of these will do:
  - set AMQP_URL to a broker that the tests may use, e.g. amqp://guest:guest@127.0.0.1:5672/
  - install it: apt-get install rabbitmq-server, or brew install rabbitmq
  - start Docker"""


class RabbitMQ(Protocol):
    """A broker that a test may stop and start; it keeps its address and its durable queues."""

    url: str

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        ...

    def stop(self) -> None:
        """End it as an operator would."""
        ...

    def kill(self) -> None:
        """End it as a power cut would."""
        ...

    def close(self) -> None:
        """Stop it and remove what it left behind."""
        ...


class Node:
    """An Erlang node with its own ports, directory and port mapper, all on the loopback."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._home = Path(tempfile.mkdtemp(prefix="madang-rabbitmq-"))
        self._port, self._distribution_port, self._epmd_port = free_ports(3)
        self._node: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        self._configure()
        self._epmd = subprocess.Popen(
            ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Start the node and wait until it accepts connections."""
        with (self._home / "console.log").open("ab") as console:
            self._node = subprocess.Popen(
                [self._script],
                cwd=self._home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        _wait_until_answering(self._port, self._still_running)

    def stop(self) -> None:
        """End the node as an operator would."""
        if self._node:
            self._node.terminate()
            self._node.wait(30)

    def kill(self) -> None:
        """End the node as a power cut would."""
        if self._node:
            self._node.kill()
            self._node.wait(30)

    def close(self) -> None:
        """End the node and its port mapper, and remove their files."""
        self.kill()
        self._epmd.terminate()
        self._epmd.wait(30)
        shutil.rmtree(self._home, ignore_errors=True)

    def _configure(self) -> None:
        (self._home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._port}\n"
            "disk_free_limit.absolute = 50MB\n"
            "raft.wal_max_size_bytes = 33554432\n"
        )
        (self._home / "enabled_plugins").write_text("[].\n")
        (self._home / "env.conf").touch()

    def _environment(self) -> dict[str, str]:
        home = str(self._home)
        return {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"madang{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": f"{home}/env.conf",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} "
                "+sbwt none +sbwtdcpu none +sbwtdio none"
            ),
            # makes the script become the node, so that our signals reach it
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _still_running(self) -> None:
        assert self._node is not None
        if self._node.poll() is not None:
            console = (self._home / "console.log").read_text(errors="replace")
            raise RuntimeError(f"RabbitMQ ended while starting:\n{console[-4000:]}")


class Container:
    """The official image, its port published on the loopback."""

    def __init__(self) -> None:
        port = free_port()
        self._port = port
        self._name = f"madang-rabbitmq-{port}"
        self.url = f"amqp://guest:guest@127.0.0.1:{port}/"
        # a fixed host name, since the data directory is named after it
        docker(
            "create", "--name", self._name, "--hostname", "rabbitmq",
            "--publish", f"127.0.0.1:{port}:5672", _IMAGE,
        )  # fmt: skip

    def start(self) -> None:
        """Start the container and wait until the broker accepts connections."""
        docker("start", self._name)
        _wait_until_answering(self._port, lambda: None)

    def stop(self) -> None:
        """End the container as an operator would."""
        docker("stop", self._name)

    def kill(self) -> None:
        """End the container as a power cut would."""
        docker("kill", self._name)

    def close(self) -> None:
        """Remove the container and its data."""
        docker("rm", "--force", "--volumes", self._name)


@pytest.fixture(scope="session")
def own_rabbitmq() -> Iterator[RabbitMQ]:
    """A running broker that the test may stop and start; leave it running."""
    broker = a_broker()
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> str:
    """The address of a broker; it may be shared, so names must be unique to the test."""
    if given := os.environ.get("AMQP_URL"):
        return given
    if _answers(5672):
        return "amqp://guest:guest@127.0.0.1:5672/"
    own: RabbitMQ = request.getfixturevalue("own_rabbitmq")
    return own.url


def a_broker() -> RabbitMQ:
    """A broker of the caller's own, not yet started, from whatever the machine has."""
    script = _installed()
    if script is None and can_install():
        install("rabbitmq-server")
        script = _installed()
    if script:
        return Node(script)
    if docker_answers():
        return Container()
    raise RuntimeError(_NOTHING)


def _installed() -> str | None:
    """The start script; Debian's own wrapper in the path changes user and directory."""
    if _DEBIAN_SCRIPT.exists():
        return str(_DEBIAN_SCRIPT)
    return shutil.which("rabbitmq-server")


def _answers(port: int) -> bool:
    """Whether an AMQP 0-9-1 server greets us."""
    return greets(port, b"AMQP\x00\x00\x09\x01", b"\x01")


def _wait_until_answering(port: int, check: Callable[[], None]) -> None:
    wait_until(lambda: _answers(port), check, "RabbitMQ", _START_TIMEOUT)
