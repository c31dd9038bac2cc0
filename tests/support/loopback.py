"""Servers on this machine that tests start or find."""

import socket
import time
from collections.abc import Callable

_PAUSE_SECONDS = 0.02


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on right now, each another one."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def free_port() -> int:
    """A port that nothing listens on right now."""
    (port,) = free_ports(1)
    return port


def greets(port: int, question: bytes, answer: bytes) -> bool:
    """Whether what listens there answers as its protocol begins; a bare listener does not."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(question)
            return connection.recv(len(answer)) == answer
    except OSError:
        return False


def wait_until(
    answers: Callable[[], bool], check: Callable[[], None], name: str, seconds: float
) -> None:
    """Wait until a server answers; `check` raises when that cannot happen any more.

    Raises TimeoutError after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} did not answer within {seconds:g} s")
        time.sleep(_PAUSE_SECONDS)
