"""The child's half of `children`: applies the limits, then imports the module and runs it.

The parent writes one line with the limits and one with the argument to standard input, and keeps
it open for as long as it lives. The child answers on what was its standard output: `+` and JSON
for each report, `=` and JSON for the answer. What libraries print goes to standard error.
"""

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import sys
import threading
from dataclasses import asdict, dataclass

import msgspec

OUT_OF_MEMORY = 112
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_answers = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: address space in bytes, CPU and wall time in seconds."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float


def encode_task(limits: Limits, argument: bytes) -> bytes:
    """What the parent writes: the limits, then the length of the argument and the argument."""
    header = msgspec.json.encode({**asdict(limits), "length": len(argument)})
    return header + b"\n" + argument


def emit(report: object) -> None:
    """Send `report`, as JSON, to the parent's `on_line`."""
    _write(b"+", report)


def _write(kind: bytes, content: object) -> None:
    line = kind + msgspec.json.encode(content) + b"\n"
    while line:
        line = line[os.write(_answers, line) :]


def _die_with_parent() -> None:
    """End this process group as soon as standard input closes, or (Linux) the parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock would be held when the process ends
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _apply(memory_bytes: int, cpu_seconds: int) -> None:
    """Sources: setrlimit(2). SIGXCPU comes at the soft limit, SIGKILL a second later."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    with contextlib.suppress(ValueError):  # macOS knows no limit of the address space
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def main() -> None:
    """Run the module named by the first argument, under the limits read from standard input."""
    global _answers
    _answers = os.dup(1)
    os.dup2(2, 1)
    task = msgspec.json.decode(sys.stdin.buffer.readline())
    argument = sys.stdin.buffer.read(task["length"])
    _apply(task["memory_bytes"], task["cpu_seconds"])
    _die_with_parent()
    try:
        _write(b"=", importlib.import_module(sys.argv[1]).main(argument))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
