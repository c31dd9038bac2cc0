"""As many refreshes as get answered, each with the token that the one before brought.

    python -m tests.bench.refresh_load PORT SECONDS TOKEN ...

One connection for each token, one thread, plain sockets and `select`. Prints how many were
answered, and milliseconds of p50 and p99; then the newest token of each connection, a line each.
"""

import gc
import re
import select
import socket
import statistics
import sys
from dataclasses import dataclass, field
from time import perf_counter

_TOKEN = re.compile(rb'"refresh_token":"([^"]+)"')
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(slots=True)
class _Session:
    """A browser that does nothing else."""

    socket: socket.socket
    token: bytes
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self) -> None:
        body = b'{"refresh_token":"%s"}' % self.token
        head = (
            b"POST /api/auth/refresh HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        self.began = perf_counter()
        self.socket.sendall(head + body)

    def has_answer(self) -> bool:
        """Read what there is; True when the answer is whole, and has brought the next token."""
        self.received += self.socket.recv(65536)
        head = self.received.find(b"\r\n\r\n")
        if head < 0:
            return False
        length = _LENGTH.search(self.received, 0, head)
        assert self.received.startswith(b"HTTP/1.1 200 "), bytes(self.received)
        assert length is not None
        if len(self.received) < head + 4 + int(length[1]):
            return False
        token = _TOKEN.search(self.received, head)
        assert token is not None
        self.token = token[1]
        self.received.clear()
        return True


def main(port: str, seconds: str, *tokens: str) -> None:
    """Load the server at `port`."""
    connect = socket.create_connection
    sessions = [_Session(connect(("127.0.0.1", int(port))), token.encode()) for token in tokens]
    latencies: list[float] = []
    gc.disable()
    end = perf_counter() + float(seconds)
    for session in sessions:
        session.ask()
    busy = len(sessions)
    while busy:
        for session in select.select(sessions, [], [], 10)[0]:
            if session.has_answer():
                latencies.append(perf_counter() - session.began)
                if perf_counter() < end:
                    session.ask()
                else:
                    busy -= 1
    cuts = statistics.quantiles(latencies, n=100)
    print(len(latencies), cuts[49] * 1000, cuts[98] * 1000)
    for session in sessions:
        print(session.token.decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
