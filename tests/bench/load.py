"""Load on a server: as much as it takes, or at a constant rate whatever it takes.

    python -m tests.bench.load PORT PATH SECONDS RATE [HEADER ...]

One thread, plain sockets and `select`, whose time-out is exact to a fraction of a millisecond,
where an event loop's is not. With a rate (requests per second; 0: as many as are answered) a
latency begins when the request should have been sent, so that a server that stalls is charged for
all whom it let wait. Prints answers, and milliseconds of p50 and p99.
"""

import gc
import re
import select
import socket
import statistics
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from tests.bench.measure import ROOT, on_cores
from tests.bench.peers import CannotHave, debian_program

CONNECTIONS = 32
BODY = b'{"text":"' + b"a" * 1013 + b'"}'
"""Every server answers this."""
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of every server."""

    path: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds, of so many answers."""

    answers: int
    p50: float
    p99: float


class Wrk:
    """As many requests as wrk gets answered, or our own load where wrk cannot be had."""

    def __init__(self, cores: frozenset[int]) -> None:
        self._cores = cores
        try:
            self._wrk = debian_program("wrk")
            self.skipped = ""
        except CannotHave as reason:
            self._wrk = []
            self.skipped = f"wrk: {reason} Our own load takes its place."

    def run(self, port: int, call: Call, seconds: float) -> int:
        """How many requests were answered; ends the program when one was not answered with 200."""
        if not self._wrk:
            return constant(port, call, seconds, 0, self._cores).answers
        headers = [part for header in call.headers for part in ("-H", header)]
        url = f"http://127.0.0.1:{port}{call.path}"
        wanted = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", *headers, url]
        output = _output([*self._wrk, *wanted], self._cores)
        answers = re.search(r"(\d+) requests in", output)
        if answers is None or "Non-2xx" in output or "Socket errors" in output:
            raise SystemExit(f"not every answer was a 200:\n{output}")
        return int(answers[1])


def constant(port: int, call: Call, seconds: float, rate: float, cores: frozenset[int]) -> Latency:
    """Our own load at `rate`, in a process of its own."""
    wanted = [str(port), call.path, str(seconds), str(rate), *call.headers]
    output = _output([sys.executable, "-m", "tests.bench.load", *wanted], cores)
    answers, p50, p99 = output.split()
    return Latency(int(answers), float(p50), float(p99))


def _output(command: Sequence[str], cores: frozenset[int]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=on_cores(cores)
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


@dataclass(slots=True)
class _Client:
    """One connection; `began` is when its request was due."""

    socket: socket.socket
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        return self.socket.fileno()

    def has_answer(self) -> bool:
        """Read what there is; True when the answer is whole."""
        self.received += self.socket.recv(65536)
        head = self.received.find(b"\r\n\r\n")
        if head < 0 or len(self.received) < head + 4 + len(BODY):
            return False
        assert self.received.startswith(b"HTTP/1.1 200 "), bytes(self.received)
        self.received.clear()
        return True


class _Load:
    """Sends what is due over the free connections, and notes what each answer took."""

    def __init__(self, port: int, request: bytes) -> None:
        connect = socket.create_connection
        self._free = [_Client(connect(("127.0.0.1", port))) for _ in range(CONNECTIONS)]
        self._busy: list[_Client] = []
        self._request = request
        self.latencies: list[float] = []

    def run(self, seconds: float, rate: float) -> None:
        """Send for `seconds`, then wait for the last answers."""
        started = perf_counter()
        due: deque[float] = deque()
        asked = 0
        while (now := perf_counter()) < started + seconds:
            while rate and started + asked / rate <= now:
                due.append(started + asked / rate)
                asked += 1
            if not rate:
                due.extend([now] * len(self._free))
            while due and self._free:
                self._send(due.popleft())
            next_due = started + asked / rate if rate else now + seconds
            self._receive(max(0.0, next_due - perf_counter()))
        while self._busy and perf_counter() < started + seconds + _GRACE_SECONDS:
            self._receive(_GRACE_SECONDS)
        assert not self._busy, f"{len(self._busy)} requests were not answered"

    def _send(self, began: float) -> None:
        client = self._free.pop()
        client.began = began
        client.socket.sendall(self._request)
        self._busy.append(client)

    def _receive(self, wait: float) -> None:
        for client in select.select(self._busy, [], [], wait)[0]:
            if client.has_answer():
                self.latencies.append(perf_counter() - client.began)
                self._busy.remove(client)
                self._free.append(client)


def main(port: str, path: str, seconds: str, rate: str, *headers: str) -> None:
    """Load the server at `port` and print one line."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]
    load = _Load(int(port), "\r\n".join(lines).encode())
    gc.disable()  # its pauses would be counted as the server's
    load.run(float(seconds), float(rate))
    cuts = statistics.quantiles(load.latencies, n=100)
    print(len(load.latencies), cuts[49] * 1000, cuts[98] * 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
