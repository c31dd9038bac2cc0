"""Runs a Python module in a child process that is limited, and that can be stopped at once.

For work on hostile input (decoding media) or work that cannot be interrupted otherwise::

    result = await run_child(
        "content_service.videos.probe_child", msgspec.json.encode(task), limits=Limits(...)
    )

The module has a function `main(argument: bytes) -> object`: it is given `argument`, may report
what it does with `shared.runtime.child_side.emit`, and its JSON-encoded answer is the result. Its
imports are made after the limits have been applied (see `child_side`).
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from shared.runtime.child_side import OUT_OF_MEMORY, Limits, encode_task

__all__ = [
    "ChildError",
    "ChildFailed",
    "ChildOutOfMemory",
    "ChildTimedOut",
    "Limits",
    "OnLine",
    "run_child",
]

T = TypeVar("T")
OnLine = Callable[[bytes], Awaitable[None]]
_ROOT = Path(__file__).parents[2]
_MAX_LINE_BYTES = 64 * 1024 * 1024
_STDERR_BYTES = 4096
_SIGNS_OF_NO_MEMORY = ("MemoryError", "bad_alloc", "Cannot allocate memory")


class ChildError(Exception):
    """The child gave no result; the subclasses say why."""


class ChildFailed(ChildError):  # noqa: N818 - reads as what it is
    """The child crashed; `exit_code` is negative for a signal, `stderr` its last lines."""

    def __init__(self, message: str, exit_code: int | None, stderr: str) -> None:
        super().__init__(f"{message}{': ' + stderr if stderr else ''}")
        self.exit_code = exit_code
        self.stderr = stderr


class ChildTimedOut(ChildError):  # noqa: N818 - reads as what it is
    """The child used up its wall time or its CPU time."""


class ChildOutOfMemory(ChildError):  # noqa: N818 - reads as what it is
    """The child asked for more memory than it may have."""


async def run_child(
    module: str, argument: bytes, *, limits: Limits, on_line: OnLine | None = None
) -> bytes:
    """Run `module.main(argument)` in a child and return its answer as JSON.

    `on_line` is awaited with the JSON of each `emit`, in order, before the child's next line is
    read. On cancellation, or when `on_line` raises, the child is killed first. Raises
    `ChildTimedOut`, `ChildOutOfMemory` or `ChildFailed`.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-c",
        "from shared.runtime.child_side import main; main()",
        module,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=_MAX_LINE_BYTES,
        start_new_session=True,
        env=_environment(),
    )
    complaint = asyncio.create_task(_last_bytes(process), name=f"stderr of {module}")
    try:
        async with asyncio.timeout(limits.wall_seconds) as clock:
            result = await _converse(process, encode_task(limits, argument), on_line)
            await process.wait()
    except TimeoutError:
        if clock.expired():
            raise ChildTimedOut(f"{module} took more than {limits.wall_seconds:g} s") from None
        raise
    except ValueError as error:
        raise ChildFailed(f"{module} wrote a line of over 64 MiB", None, "") from error
    finally:
        await _kill(process)
        stderr = await complaint
    if process.returncode == 0 and result is not None:
        return result
    raise _error(module, process.returncode, stderr, limits)


def _environment() -> dict[str, str]:
    """Nothing of ours: the child works on hostile input and must find no secret."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "OMP_NUM_THREADS": "1",  # each thread of a maths library reserves address space
        "OPENBLAS_NUM_THREADS": "1",
    }


async def _converse(process: Process, task: bytes, on_line: OnLine | None) -> bytes | None:
    stdin, stdout = _piped(process.stdin), _piped(process.stdout)
    stdin.write(task)
    with contextlib.suppress(ConnectionError):  # a child that died at once explains itself below
        await stdin.drain()
    result = None
    while line := await stdout.readline():
        kind, content = line[:1], line[1:].rstrip(b"\n")
        if kind == b"=":
            result = content
        elif on_line is not None:
            await on_line(content)
    return result


async def _last_bytes(process: Process) -> str:
    stderr = _piped(process.stderr)
    kept = b""
    while chunk := await stderr.read(65536):
        kept = (kept + chunk)[-_STDERR_BYTES:]
    return kept.decode(errors="replace").strip()


def _piped(stream: T | None) -> T:
    if stream is None:
        raise RuntimeError("the child was started without its pipes")
    return stream


async def _kill(process: Process) -> None:
    """End the child and everything it started (its own process group)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _error(module: str, exit_code: int | None, stderr: str, limits: Limits) -> ChildError:
    if exit_code == -signal.SIGXCPU:
        return ChildTimedOut(f"{module} used more than {limits.cpu_seconds} s of CPU time")
    if exit_code == OUT_OF_MEMORY or any(sign in stderr for sign in _SIGNS_OF_NO_MEMORY):
        return ChildOutOfMemory(f"{module} needed more than {limits.memory_bytes} bytes")
    if exit_code == 0:
        return ChildFailed(f"{module} ended without an answer", exit_code, stderr)
    how = f"signal {-exit_code}" if exit_code and exit_code < 0 else f"exit code {exit_code}"
    return ChildFailed(f"{module} ended with {how}", exit_code, stderr)
