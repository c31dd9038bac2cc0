"""Stands in for the probe: works for longer than anybody waits."""

import time


def main(argument: bytes) -> object:
    """Never answers."""
    time.sleep(600)
    return argument
