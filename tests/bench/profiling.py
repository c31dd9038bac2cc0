"""Where a server spends its time: sampled by py-spy where there is one, else counted by cProfile.

A count costs more than many of the functions it counts, and makes the small ones look large.
"""

import pstats
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.measure import Running

_SHOWN = 40


class Profile:
    """One profile of one server, whose files are kept in `folder` meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._sampler = shutil.which("py-spy")
        self._stats = folder / "profile"

    def command(self, python: Sequence[str]) -> list[str]:
        """What starts the server that `python` (an interpreter and its arguments) would start."""
        if self._sampler is not None:
            return list(python)
        return [sys.executable, "-m", "cProfile", "-o", str(self._stats), *python[1:]]

    def during(self, load: Callable[[float], object], server: Running, seconds: float) -> None:
        """Load the server while it is looked at."""
        if self._sampler is None:
            load(seconds)
            return
        wanted = ["--format", "raw", "--rate", "500", "--duration", f"{seconds:.0f}"]
        where = ["--pid", str(server.process.pid), "--output", str(self._stats)]
        with subprocess.Popen(
            [self._sampler, "record", *wanted, *where], stdout=subprocess.DEVNULL
        ):
            load(seconds + 1)

    def show(self) -> None:
        """Print the functions by their own time, once the server has ended."""
        if self._sampler is None:
            stats = pstats.Stats(str(self._stats)).strip_dirs()
            stats.sort_stats("tottime").print_stats(_SHOWN)
        else:
            print(own_times(self._stats.read_text()))


def own_times(samples: str) -> str:
    """The functions that were running when py-spy looked, the most frequent first."""
    own: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, times = line.rpartition(" ")
        own[stack.rpartition(";")[2]] += int(times)
    total = own.total()
    return "\n".join(
        f"{times / total:6.1%}  {function}" for function, times in own.most_common(_SHOWN)
    )
