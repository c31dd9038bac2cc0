"""A child process is limited, reports what it does, and never outlives its purpose."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from asyncio.subprocess import PIPE

import msgspec
import pytest

from shared.runtime.children import (
    ChildError,
    ChildFailed,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    OnLine,
    run_child,
)

MODULE = "tests.support.child_work"
AMPLE = Limits(memory_bytes=1 << 30, cpu_seconds=20, wall_seconds=20)


async def do(what: str, *, limits: Limits = AMPLE, on_line: OnLine | None = None) -> object:
    argument = msgspec.json.encode({"do": what})
    answer = await run_child(MODULE, argument, limits=limits, on_line=on_line)
    return msgspec.json.decode(answer)


class Pids:
    """Collects the process ids that a child reports."""

    def __init__(self) -> None:
        self.reported = asyncio.Event()
        self.pid = 0

    async def __call__(self, line: bytes) -> None:
        self.pid = msgspec.json.decode(line)
        self.reported.set()


async def until_gone(pid: int) -> float:
    """Seconds until the process `pid` is no more (or a zombie that nobody has read yet)."""
    started = time.monotonic()
    while time.monotonic() - started < 5:
        try:
            with open(f"/proc/{pid}/stat") as stat:  # noqa: ASYNC230, PTH123 - a file in memory
                if stat.read().rpartition(") ")[2].startswith("Z"):
                    return time.monotonic() - started
        except FileNotFoundError:
            return time.monotonic() - started
        await asyncio.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")


async def test_the_answer_of_the_module_comes_back() -> None:
    assert await do("echo") == {"do": "echo"}


async def test_an_argument_larger_than_a_pipe_arrives_whole() -> None:
    argument = msgspec.json.encode({"do": "echo", "text": "x" * 1_000_000})
    assert await run_child(MODULE, argument, limits=AMPLE) == argument


async def test_each_report_arrives_in_order_and_printing_disturbs_nothing() -> None:
    lines: list[bytes] = []

    async def on_line(line: bytes) -> None:
        lines.append(line)

    assert await do("report", on_line=on_line) == "done"
    assert lines == [b'{"step":0}', b'{"step":1}', b'{"step":2}']


@pytest.mark.parametrize("how", ["eat", "eat slowly"])
async def test_a_child_that_takes_too_much_memory_is_told_apart(how: str) -> None:
    with pytest.raises(ChildOutOfMemory, match="268435456 bytes"):
        await do(how, limits=Limits(1 << 28, 20, 20))


async def test_a_child_that_computes_for_too_long_is_ended() -> None:
    with pytest.raises(ChildTimedOut, match="1 s of CPU time"):
        await do("spin", limits=Limits(1 << 30, 1, 20))


async def test_a_child_that_takes_too_long_is_ended() -> None:
    pids = Pids()
    with pytest.raises(ChildTimedOut, match=r"more than 0\.5 s"):
        await do("sleep", limits=Limits(1 << 30, 20, 0.5), on_line=pids)
    assert await until_gone(pids.pid) < 0.1


@pytest.mark.parametrize(
    ("how", "exit_code", "message"),
    [
        ("exit", 3, "ended with exit code 3: the reason"),
        ("raise", 1, "ValueError: no such thing"),
        ("abort", -signal.SIGABRT, "ended with signal 6"),
    ],
)
async def test_a_crash_is_told_with_its_last_words(how: str, exit_code: int, message: str) -> None:
    with pytest.raises(ChildFailed, match=message) as caught:
        await do(how)
    assert caught.value.exit_code == exit_code


async def test_a_module_that_does_not_exist_is_a_failure() -> None:
    with pytest.raises(ChildFailed, match=r"No module named 'tests\.nowhere'"):
        await run_child("tests.nowhere", b"{}", limits=AMPLE)


async def test_cancelling_kills_the_child_and_what_it_started_at_once() -> None:
    pids = Pids()
    task = asyncio.ensure_future(do("start another", on_line=pids))
    await pids.reported.wait()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 0.5
    assert await until_gone(pids.pid) < 0.1


async def test_an_error_while_handling_a_report_kills_the_child() -> None:
    pids = Pids()

    async def on_line(line: bytes) -> None:
        await pids(line)
        raise KeyError("lost")

    with pytest.raises(KeyError):
        await do("sleep", on_line=on_line)
    assert await until_gone(pids.pid) < 0.1


async def test_a_child_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hidden")
    seen = await do("secrets")
    assert isinstance(seen, dict)
    assert "SECRET_KEY" not in seen
    assert "hidden" not in seen.values()


async def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(f"""
            import asyncio
            from shared.runtime.children import Limits, run_child
            async def on_line(line): print(int(line), flush=True)
            asyncio.run(run_child({MODULE!r}, b'{{"do": "sleep"}}',
                                  limits=Limits(1 << 30, 20, 60), on_line=on_line))
        """),
        stdout=PIPE,
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    assert await until_gone(pid) < 1


def test_every_failure_can_be_caught_as_one() -> None:
    assert all(issubclass(one, ChildError) for one in (ChildFailed, ChildTimedOut))
