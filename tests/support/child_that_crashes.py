"""A child that ends as a decoder does that hostile input has led astray."""

import os
import signal


def main(argument: bytes) -> None:
    """Crash."""
    os.kill(os.getpid(), signal.SIGSEGV)
