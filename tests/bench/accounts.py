"""What staying logged in costs: refreshes through the suite's gateway, and `me` beside Express.

    python -m tests.bench.accounts [SECONDS] [--only refresh,me] [--profile]

The server has one core; PostgreSQL (its usual durability) and the load share the others, so that
only the CPU time of the server's own process is counted. Refreshes go through the embedded suite
as `madang run` serves it, each with the token that the one before brought, 32 sessions at once.
`me` is asked of auth's own HTTP server and of Express with pg, in turns: the same query, the same
pool, and Express does not even verify the token. Figures are medians of three rounds.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import httpx
import psutil
from sqlalchemy.engine import make_url

from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.migrations import migrate
from tests.bench.load import CONNECTIONS, Call, Wrk
from tests.bench.measure import ROOT, Cores, Running, on_cores, serving
from tests.bench.peers import CannotHave, express_pg
from tests.bench.profiling import Profile

ROUNDS = 3
WARM_UP_SECONDS = 2.0
POOL = 32
"""Connections to PostgreSQL of either server of `me`."""
_WITHOUT_LIMITS = ("env", "RATE_LIMIT_EXEMPT=127.0.0.0/8")
"""All users of a benchmark live at one address, whose limits count and are never reached."""
_MOST_REFRESH_US = 1e6 / 1200
_MOST_TIMES_EXPRESS = 1.3


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description="What staying logged in costs.")
    parser.add_argument("seconds", nargs="?", type=float, default=5.0)
    parser.add_argument("--only", choices=("refresh", "me"))
    parser.add_argument("--profile", action="store_true", help="where the suite's time goes")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may run as a user of its own
        bench = Bench(Path(folder), wanted.seconds)
        if wanted.only != "me":
            bench.refreshes(profiled=wanted.profile)
        if wanted.only != "refresh" and not wanted.profile:
            asyncio.run(bench.me())


class Bench:
    """One run: the same cores for all."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._cores = Cores.of_this_machine()

    def refreshes(self, *, profiled: bool) -> None:
        """Print what a refresh through the embedded suite costs."""
        profile = Profile(self._folder)
        command = _python("suite", str(self._folder / "home"))
        if profiled:
            command = profile.command(command)
        with serving([*_WITHOUT_LIMITS, *command], self._cores.server) as suite:
            self._move_postgres()
            tokens = _guests(suite.port)
            _, _, _, tokens = self._refresh(suite.port, WARM_UP_SECONDS, tokens)
            if profiled:
                profile.during(
                    lambda seconds: self._refresh(suite.port, seconds, tokens), suite, self._seconds
                )
            else:
                self._count_refreshes(suite, tokens)
        if profiled:
            profile.show()

    def _count_refreshes(self, suite: Running, tokens: list[str]) -> None:
        figures = []
        for _ in range(ROUNDS):
            before, started = _own_cpu(suite), perf_counter()
            answers, p50, p99, tokens = self._refresh(suite.port, self._seconds, tokens)
            cpu, took = _own_cpu(suite) - before, perf_counter() - started
            figures.append((cpu / answers * 1e6, answers / took, cpu / took, p50, p99))
        us, rate, share, p50, p99 = (statistics.median(each) for each in zip(*figures, strict=True))
        print(
            f"refresh: {us:.0f} us of CPU each (target: {_MOST_REFRESH_US:.0f}), so "
            f"{1e6 / us:,.0f}/s a core; here {rate:,.0f}/s with {share:.0%} of the core, "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {CONNECTIONS} sessions at once"
        )

    def _refresh(
        self, port: int, seconds: float, tokens: list[str]
    ) -> tuple[int, float, float, list[str]]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.refresh_load", str(port), str(seconds), *tokens],
            cwd=ROOT, capture_output=True, text=True, check=False,
            preexec_fn=on_cores(self._cores.others),
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"the load failed:\n{done.stderr}")
        first, *fresh = done.stdout.splitlines()
        answers, p50, p99 = first.split()
        return int(answers), float(p50), float(p99), fresh

    def _move_postgres(self) -> None:
        """The suite's PostgreSQL to the other cores; what it starts from now on goes there, too."""
        for pid_file in self._folder.glob("**/postmaster.pid"):
            server = psutil.Process(int(pid_file.read_text().split()[0]))
            for one in (server, *server.children(recursive=True)):
                one.cpu_affinity(list(self._cores.others))

    async def me(self) -> None:
        """Print what reading one's own account costs, and what it costs Express."""
        with _on(self._cores.others):  # and with us, what we start
            server = await EmbeddedPostgres.start(self._folder / "postgres", roles=["auth"])
        try:
            url = server.url("auth")
            await migrate(url, "auth_service", "auth")
            await asyncio.to_thread(self._compare_me, url)
        finally:
            await server.stop()

    def _compare_me(self, url: str) -> None:
        (self._folder / "files").mkdir()
        ours = _python("auth", url, str(self._folder / "files"))
        with serving(ours, self._cores.server) as auth:
            token = _tokens(auth.port)["access_token"]
        commands = {"auth": ours}
        try:
            at = make_url(url)
            commands["express"] = express_pg()(str(at.query["host"]), str(at.password), str(POOL))
        except CannotHave as reason:
            print(f"skipped Express: {reason}")
        load, call = (
            Wrk(self._cores.others),
            Call("/api/auth/me", (f"Authorization: Bearer {token}",)),
        )
        costs: dict[str, list[float]] = {name: [] for name in commands}
        for name in [*commands] * ROUNDS:
            with serving(commands[name], self._cores.server) as running:
                load.run(running.port, call, WARM_UP_SECONDS)
                before = _own_cpu(running)
                answers = load.run(running.port, call, self._seconds)
                costs[name].append((_own_cpu(running) - before) / answers * 1e6)
        cpu = {name: statistics.median(each) for name, each in costs.items()}
        print(f"me: {cpu['auth']:.0f} us of CPU each in auth's own server", end="")
        if "express" in cpu:
            ratio = cpu["auth"] / cpu["express"]
            print(
                f", {cpu['express']:.0f} in Express + pg: {ratio:.2f} times as much "
                f"(target: {_MOST_TIMES_EXPRESS})", end=""
            )  # fmt: skip
        print()


def _guests(port: int) -> list[str]:
    return [_tokens(port)["refresh_token"] for _ in range(CONNECTIONS)]


def _tokens(port: int) -> dict[str, str]:
    response = httpx.post(f"http://127.0.0.1:{port}/api/auth/guest")
    response.raise_for_status()
    found: dict[str, str] = response.json()
    return found


def _own_cpu(running: Running) -> float:
    """Seconds of the process itself: PostgreSQL may be its child."""
    times = running.process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _on(cores: frozenset[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _python(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.account_servers", name, *arguments]


if __name__ == "__main__":
    main()
