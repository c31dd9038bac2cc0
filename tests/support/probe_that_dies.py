"""Stands in for the probe: is killed, as by the system when memory is short."""

import os
import signal


def main(argument: bytes) -> object:
    """Never answers."""
    os.kill(os.getpid(), signal.SIGKILL)
    return argument
