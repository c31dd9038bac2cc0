"""What a request through the gateway costs, beside its peers in the same run.

    python -m tests.bench.gateway [SECONDS] [--only NAME,NAME] [--profile]

32 connections ask for 1 KB of JSON. Each server runs alone on one core, the upstream and the load
on the others. The gateway is composed and served as `python -m gateway` does it, with everything
on: CORS for a listed origin, a user's token, limits, security headers, request ids, the access log
(to a file), metrics, the breaker. Its peers have nothing on, the access log of nginx neither.

Figures are medians of rounds in which the servers take turns. Absolute ones move with the machine
and with what else it does; the ratios hold better. Then the gateway, and the fastify proxy, are
given 70 % of what they took, at a constant rate, for their latency: this needs a quiet machine.
"""

import argparse
import pstats
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shared.clock import SystemClock
from shared.ids import uuid7
from shared.security.principal import Principal, SessionId, UserId
from shared.security.tokens import TokenIssuer
from tests.bench import peers
from tests.bench.load import CONNECTIONS, Call, Latency, Wrk, constant
from tests.bench.measure import Cores, Running, serving
from tests.bench.servers import KEY, ORIGIN

ROUNDS = 3
WARM_UP_SECONDS = 1.0
SHARE_OF_FULL_LOAD = 0.7
TITLES = {
    "nginx": "nginx, a plain proxy",
    "fastify": "@fastify/http-proxy, bare",
    "uvicorn": "uvicorn alone, no proxy",
    "bare": "uvicorn + our proxy, nothing on",
    "server": "our server alone, no proxy",
    "gateway": "our gateway, everything on",
    "cached": "our gateway, from its cache",
    "naive": "Starlette + httpx, nothing on",
}
"""Every server, in the order of their turns."""
ONLY_NAMED = frozenset({"naive", "cached"})
"""Measured only when named: the one is slow, and nothing is answered from the cache yet."""
COMPARED = (
    ("gateway", "fastify", "CPU of the gateway is {ratio:.2f} times fastify's (target: 1.00)"),
    ("gateway", "bare", "and {difference:+.0f} us to uvicorn with our bare proxy (target: +12)"),
    (
        "cached",
        "uvicorn",
        "An answer from the cache: {ratio:.2f} of uvicorn's hello (target: 1.30)",
    ),
)

Command = Callable[[str], list[str]]
"""What starts a server in front of an upstream's URL."""


@dataclass(slots=True)
class Figures:
    """What the rounds of one server gave: CPU us per request, requests per second, the share of
    its core that other programs took, and latencies at a constant rate."""

    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)

    @property
    def constant_rate(self) -> float:
        """Requests per second at which latency is measured."""
        return statistics.median(self.rate) * SHARE_OF_FULL_LOAD


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description="What a request through the gateway costs.")
    parser.add_argument("seconds", nargs="?", type=float, default=5.0)
    parser.add_argument("--only", type=lambda names: names.split(","), help=", ".join(TITLES))
    parser.add_argument("--profile", action="store_true", help="where the gateway's time goes")
    wanted = parser.parse_args()
    names = [name for name in TITLES if name in (wanted.only or TITLES.keys() - ONLY_NAMED)]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), wanted.seconds)
        if wanted.profile:
            bench.profile()
        else:
            bench.compare(names)


class Bench:
    """One run: the same upstream, load and cores for all."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._cores = Cores.of_this_machine()
        self._load = Wrk(self._cores.others)
        self._console = Console(highlight=False)

    def compare(self, names: list[str]) -> None:
        """Let the servers of these names take turns, and print what they cost."""
        commands = self._commands(names)
        figures = {name: Figures() for name in commands}
        with serving(_python("upstream"), self._cores.others) as upstream:
            url = f"http://127.0.0.1:{upstream.port}"
            for _ in range(ROUNDS):
                for name, command in commands.items():
                    with serving(command(url), self._cores.server) as server:
                        call = _anonymous_call() if name == "cached" else _call()
                        self._measure(server, call, figures[name])
            self._print_costs(figures)
            delayed = [name for name in ("gateway", "fastify") if name in figures]
            for _ in range(ROUNDS):
                for name in delayed:
                    with serving(commands[name](url), self._cores.server) as server:
                        self._delay(server, figures[name])
        for name in delayed:
            self._print_latency(name, figures[name])

    def profile(self) -> None:
        """Print the functions in which the gateway spends its time."""
        sampler = shutil.which("py-spy")
        stats = self._folder / "profile"
        counted = [sys.executable, "-m", "cProfile", "-o", str(stats)]
        with serving(_python("upstream"), self._cores.others) as upstream:
            command = _python("gateway", f"http://127.0.0.1:{upstream.port}")
            if sampler is None:
                command = [*counted, *command[1:]]
            with serving(command, self._cores.server) as server:
                self._load.run(server.port, _call(), WARM_UP_SECONDS)
                if sampler is not None:
                    self._sample(sampler, server)
                else:
                    self._load.run(server.port, _call(), self._seconds)
        if sampler is None:
            pstats.Stats(str(stats)).strip_dirs().sort_stats("tottime").print_stats(40)

    def _commands(self, names: list[str]) -> dict[str, Command]:
        """How to start each server; what cannot be had is left out, with a sentence."""
        commands: dict[str, Command] = {}
        if self._load.skipped:
            self._console.print(self._load.skipped)
        for name in names:
            try:
                commands[name] = self._command(name)
            except peers.CannotHave as reason:
                self._console.print(f"skipped {name}: {reason}")
        return commands

    def _command(self, name: str) -> Command:
        if name == "nginx":
            return peers.nginx(self._folder)
        if name == "fastify":
            return peers.fastify()
        return lambda url: _python("gateway" if name == "cached" else name, url)

    def _measure(self, server: Running, call: Call, figures: Figures) -> None:
        self._load.run(server.port, call, WARM_UP_SECONDS)
        cpu, core = server.cpu_seconds(), self._cores.server_core_seconds()
        answers = self._load.run(server.port, call, self._seconds)
        cpu, core = server.cpu_seconds() - cpu, self._cores.server_core_seconds() - core
        figures.cpu.append(cpu / answers * 1e6)
        figures.rate.append(answers / self._seconds)
        figures.foreign.append(max(0.0, core - cpu) / self._seconds)

    def _delay(self, server: Running, figures: Figures) -> None:
        self._load.run(server.port, _call(), WARM_UP_SECONDS)
        rate, cores = figures.constant_rate, self._cores.others
        figures.latencies.append(constant(server.port, _call(), self._seconds, rate, cores))

    def _print_costs(self, figures: dict[str, Figures]) -> None:
        medians = {name: statistics.median(one.cpu) for name, one in figures.items()}
        table = Table(title=f"1 KB of JSON, {CONNECTIONS} connections, median of {ROUNDS} rounds")
        table.add_column("server", no_wrap=True)
        for column in ("CPU us", "requests/s", "gateway=1", "fastify=1"):
            table.add_column(column, justify="right", no_wrap=True)
        for name, cpu in medians.items():
            rate = statistics.median(figures[name].rate)
            ratios = [
                f"{cpu / medians[one]:.2f}" if one in medians else "-"
                for one in ("gateway", "fastify")
            ]
            table.add_row(TITLES[name], f"{cpu:.1f}", f"{rate:,.0f}", *ratios)
        self._console.print(table)
        foreign = statistics.mean(one for each in figures.values() for one in each.foreign)
        self._console.print(f"Other programs took {foreign:.0%} of the server's core.")
        for one, other, sentence in COMPARED:
            if one in medians and other in medians:
                ratio, difference = medians[one] / medians[other], medians[one] - medians[other]
                self._console.print(sentence.format(ratio=ratio, difference=difference))

    def _print_latency(self, name: str, figures: Figures) -> None:
        p50 = statistics.median(one.p50 for one in figures.latencies)
        p99 = statistics.median(one.p99 for one in figures.latencies)
        self._console.print(
            f"{TITLES[name]}: p50 {p50:.2f} ms, p99 {p99:.2f} ms "
            f"at {figures.constant_rate:,.0f} requests/s, {SHARE_OF_FULL_LOAD:.0%} of full load"
        )

    def _sample(self, sampler: str, server: Running) -> None:
        raw = self._folder / "samples"
        wanted = ["--format", "raw", "--rate", "500", "--duration", f"{self._seconds:.0f}"]
        with subprocess.Popen(
            [sampler, "record", *wanted, "--pid", str(server.process.pid), "--output", str(raw)],
            stdout=subprocess.DEVNULL,
        ):
            self._load.run(server.port, _call(), self._seconds + WARM_UP_SECONDS)
        self._console.print(own_times(raw.read_text()))


def own_times(samples: str) -> str:
    """The functions that were running when py-spy looked, the most frequent first."""
    own: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, times = line.rpartition(" ")
        own[stack.rpartition(";")[2]] += int(times)
    return "\n".join(
        f"{times / own.total():6.1%}  {function}" for function, times in own.most_common(40)
    )


def _python(name: str, *upstream: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.servers", name, *upstream]


def _call() -> Call:
    """A call of a user whose token is new, from a page of a listed origin."""
    user = Principal(UserId(uuid7()), SessionId(uuid7()))
    token = TokenIssuer(KEY, SystemClock()).issue(user)
    headers = (f"Origin: {ORIGIN}", f"Authorization: Bearer {token}", "Accept: */*")
    return Call("/api/videos/1", headers)


def _anonymous_call() -> Call:
    return Call("/api/posts", (f"Origin: {ORIGIN}", "Accept: */*"))


if __name__ == "__main__":
    main()
