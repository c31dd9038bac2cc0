"""What the tests of `shared.runtime.children` run in a child."""

import os
import subprocess
import sys
import time

import msgspec

from shared.runtime.child_side import emit


def main(argument: bytes) -> object:
    """Do what the argument names."""
    task: dict[str, str] = msgspec.json.decode(argument)
    match task["do"]:
        case "echo":
            return task
        case "report":
            print("noise of a library")  # noqa: T201 - must not disturb the answers
            for step in range(3):
                emit({"step": step})
            return "done"
        case "eat":
            return len(b"x" * 2**40) + len(task)
        case "eat slowly":
            kept = []
            while True:
                kept.append(bytes(2**20))
        case "spin":
            while True:
                pass
        case "sleep":
            emit(os.getpid())
            time.sleep(60)
        case "start another":
            other = subprocess.Popen(["sleep", "60"])
            emit(other.pid)
            time.sleep(60)
        case "exit":
            sys.stderr.write("the reason\n")
            os._exit(3)
        case "raise":
            raise ValueError("no such thing")
        case "secrets":
            return dict(os.environ)
        case "abort":
            os.abort()
    return None
