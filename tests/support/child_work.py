"""What the tests of `shared.runtime.children` run in a child."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

from shared.runtime.child_side import emit


def main(argument: bytes) -> object:
    """Do what the argument names."""
    task: dict[str, str] = msgspec.json.decode(argument)
    if task["do"] == "echo":
        return task
    return _ACTIONS[task["do"]]()


def _report() -> object:
    print("noise of a library")  # noqa: T201 - must not disturb the answers
    for step in range(3):
        emit({"step": step})
    return "done"


def _eat() -> object:
    return len(b"x" * 2**40)


def _eat_slowly() -> object:
    kept = []
    while True:
        kept.append(bytes(2**20))


def _spin() -> object:
    while True:
        pass


def _sleep() -> None:
    emit(os.getpid())
    time.sleep(60)


def _start_another() -> None:
    emit(subprocess.Popen(["sleep", "60"]).pid)
    time.sleep(60)


def _exit() -> object:
    sys.stderr.write("the reason\n")
    os._exit(3)


def _raise() -> object:
    raise ValueError("no such thing")


_ACTIONS: dict[str, Callable[[], object]] = {
    "report": _report,
    "eat": _eat,
    "eat slowly": _eat_slowly,
    "spin": _spin,
    "sleep": _sleep,
    "start another": _start_another,
    "exit": _exit,
    "raise": _raise,
    "abort": os.abort,
    "secrets": lambda: dict(os.environ),
}
