"""Servers in child processes, each on one core, and the CPU time that they take."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the measured server runs, and where everything else does."""

    server: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first core for the server; on a machine with only one, everything shares it."""
        first, *rest = sorted(os.sched_getaffinity(0))
        return cls(frozenset([first]), frozenset(rest or [first]))

    def server_core_seconds(self) -> float:
        """How long the server's core has worked so far, whoever for."""
        (core,) = self.server
        times = psutil.cpu_times(percpu=True)[core]
        return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def on_cores(cores: frozenset[int]) -> Callable[[], None]:
    """For `preexec_fn`: keeps a child and all its threads to `cores`."""
    return lambda: os.sched_setaffinity(0, cores)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and the port at which it listens."""

    process: psutil.Process
    port: int

    def cpu_seconds(self) -> float:
        """User and system time of its process and of the children of that, in steps of 10 ms."""
        tree = [self.process, *self.process.children(recursive=True)]
        times = [one.cpu_times() for one in tree]
        return float(sum(one.user + one.system for one in times))


@contextmanager
def serving(command: Sequence[str], cores: frozenset[int]) -> Iterator[Running]:
    """Run a server, whose first line of output is its port, until it accepts connections.

    It runs in a directory of its own, without our environment: no `.env` changes what is measured.
    What it logs goes to a file.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=on_cores(cores),
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise SystemExit(f"{' '.join(command)} did not start:\n{log.read().decode()}")
            _wait_until_it_listens(int(line))
            yield Running(psutil.Process(process.pid), int(line))
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def _wait_until_it_listens(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"nothing listened at port {port} after {_START_SECONDS:g} s")
