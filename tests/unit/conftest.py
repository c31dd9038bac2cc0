"""Unit tests do no I/O: whoever opens a connection fails."""

import socket

import pytest


def _refuse(self: socket.socket, address: object) -> None:
    raise AssertionError(f"a unit test opens a connection to {address!r}")


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, method, _refuse)
    return
