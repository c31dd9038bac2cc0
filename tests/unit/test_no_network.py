"""The guard of `tests/unit/conftest.py` holds."""

import socket

import pytest


def test_a_unit_test_cannot_open_a_connection() -> None:
    with (
        socket.socket() as one,
        pytest.raises(AssertionError, match=r"opens a connection to \('127\.0\.0\.1', 5432\)"),
    ):
        one.connect(("127.0.0.1", 5432))
