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
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from shared.clock import SystemClock
from shared.ids import uuid7
from shared.security.principal import Principal, SessionId, UserId
from shared.security.tokens import TokenIssuer
from tests.bench import peers
from tests.bench.figures import Figures, print_costs, print_foreign, print_latency
from tests.bench.load import CONNECTIONS, Call, Wrk, constant
from tests.bench.measure import Cores, Running, serving
from tests.bench.profiling import Profile
from tests.bench.servers import KEY, ORIGIN

ROUNDS = 3
WARM_UP_SECONDS = 1.0
TITLES = {
    "nginx": "nginx, a plain proxy",
    "fastify": "@fastify/http-proxy, bare",
    "uvicorn": "uvicorn alone, no proxy",
    "bare": "uvicorn + our bare proxy",
    "server": "our server alone, no proxy",
    "gateway": "our gateway, everything on",
    "cached": "our gateway, from its cache",
    "naive": "Starlette + httpx, bare",
}
"""Every server, in the order of their turns."""
SLOW = frozenset({"naive"})
"""Measured only when named."""
DELAYED = ("gateway", "fastify")
"""Whose latency is measured."""

Command = Callable[[str], list[str]]
"""What starts a server in front of an upstream's URL."""


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description="What a request through the gateway costs.")
    parser.add_argument("seconds", nargs="?", type=float, default=5.0)
    parser.add_argument("--only", type=lambda names: names.split(","), help=", ".join(TITLES))
    parser.add_argument("--profile", action="store_true", help="where the gateway's time goes")
    wanted = parser.parse_args()
    names = wanted.only or [name for name in TITLES if name not in SLOW]
    if unknown := set(names) - TITLES.keys():
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(TITLES)}")
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
        delayed = [name for name in DELAYED if name in commands]
        with serving(_python("upstream"), self._cores.others) as upstream:
            url = f"http://127.0.0.1:{upstream.port}"
            for measure, turns in ((self._measure, list(commands)), (self._delay, delayed)):
                for name in turns * ROUNDS:
                    with serving(commands[name](url), self._cores.server) as server:
                        self._load.run(server.port, _call(name), WARM_UP_SECONDS)
                        measure(server, _call(name), figures[name])
        title = f"1 KB of JSON, {CONNECTIONS} connections, median of {ROUNDS} rounds"
        print_costs(self._console, title, TITLES, figures)
        for name in delayed:
            print_latency(self._console, TITLES[name], figures[name])
        print_foreign(self._console, figures)

    def profile(self) -> None:
        """Print the functions in which the gateway spends its time."""
        profile = Profile(self._folder)
        with serving(_python("upstream"), self._cores.others) as upstream:
            command = _python("gateway", f"http://127.0.0.1:{upstream.port}")
            with serving(profile.command(command), self._cores.server) as server:

                def load(seconds: float) -> None:
                    self._load.run(server.port, _call("gateway"), seconds)

                load(WARM_UP_SECONDS)
                profile.during(load, server, self._seconds)
        profile.show()

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
        cpu, core = server.cpu_seconds(), self._cores.server_core_seconds()
        answers = self._load.run(server.port, call, self._seconds)
        cpu, core = server.cpu_seconds() - cpu, self._cores.server_core_seconds() - core
        figures.cpu.append(cpu / answers * 1e6)
        figures.rate.append(answers / self._seconds)
        figures.foreign.append(max(0.0, core - cpu) / self._seconds)

    def _delay(self, server: Running, call: Call, figures: Figures) -> None:
        rate, cores = figures.constant_rate, self._cores.others
        figures.latencies.append(constant(server.port, call, self._seconds, rate, cores))


def _python(name: str, *upstream: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.servers", name, *upstream]


def _call(server: str) -> Call:
    """From a page of a listed origin: a call of a user whose token is new, or, of what is cached,
    one that tells no user."""
    headers = (f"Origin: {ORIGIN}", "Accept: */*")
    if server == "cached":
        return Call("/api/posts", headers)
    user = Principal(UserId(uuid7()), SessionId(uuid7()))
    token = TokenIssuer(KEY, SystemClock()).issue(user)
    return Call("/api/videos/1", (*headers, f"Authorization: Bearer {token}"))


if __name__ == "__main__":
    main()
