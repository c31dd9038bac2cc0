"""How much of the machine work in threads may take."""

import os
import sys
import threading
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_NICENESS = 10
"""Where others want the same core, they get nine tenths of it."""


def usable_cores(limit: Path = _LIMIT) -> int:
    """The cores that this process may run on, or that its container may use up, at least one."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(cores, int(_quota(limit, cores))))


def give_way() -> None:
    """Let this thread run behind all others, where each has a priority of its own (Linux)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _quota(limit: Path, cores: int) -> float:
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # no container, another kind of one, or "max": no limit
        return cores
