"""What the rounds of a benchmark gave, and how it is printed."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.bench.load import Latency

SHARE_OF_FULL_LOAD = 0.7
COMPARED = (
    ("gateway", "fastify", "CPU of the gateway: {ratio:.2f} of fastify's (target: 1.00)"),
    ("gateway", "bare", "and {difference:+.0f} us to uvicorn with our bare proxy (target: +12)"),
    ("cached", "uvicorn", "from the cache: {ratio:.2f} of uvicorn's hello (target: 1.30)"),
)
"""Two servers, and what their ratio or difference says."""


@dataclass(slots=True)
class Figures:
    """CPU us per request, requests per second, and latencies at a constant rate, by round; and
    the share of the server's core that other programs took."""

    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)

    @property
    def constant_rate(self) -> float:
        """Requests per second at which latency is measured."""
        return statistics.median(self.rate) * SHARE_OF_FULL_LOAD


def print_costs(
    console: Console, title: str, names: Mapping[str, str], figures: Mapping[str, Figures]
) -> None:
    """A table of all servers by their `names`, and what some are worth beside others."""
    cpu = {one: statistics.median(each.cpu) for one, each in figures.items()}
    table = Table(title=title)
    table.add_column("server", no_wrap=True)
    for column in ("CPU us", "requests/s", "gateway=1", "fastify=1"):
        table.add_column(column, justify="right", no_wrap=True)
    for one, each in figures.items():
        ratios = [
            f"{cpu[one] / cpu[other]:.2f}" if other in cpu else "-"
            for other in ("gateway", "fastify")
        ]
        rate = statistics.median(each.rate)
        table.add_row(names[one], f"{cpu[one]:.1f}", f"{rate:,.0f}", *ratios)
    console.print(table)
    for one, other, sentence in COMPARED:
        if one in cpu and other in cpu:
            ratio, difference = cpu[one] / cpu[other], cpu[one] - cpu[other]
            console.print(sentence.format(ratio=ratio, difference=difference))


def print_latency(console: Console, name: str, figures: Figures) -> None:
    """Medians of the percentiles of all rounds."""
    p50 = statistics.median(one.p50 for one in figures.latencies)
    p99 = statistics.median(one.p99 for one in figures.latencies)
    console.print(
        f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms "
        f"at {figures.constant_rate:,.0f}/s, {SHARE_OF_FULL_LOAD:.0%} of full load"
    )


def print_foreign(console: Console, figures: Mapping[str, Figures]) -> None:
    """How much the machine had to do besides."""
    foreign = statistics.mean(one for each in figures.values() for one in each.foreign)
    console.print(f"Other programs took {foreign:.0%} of the server's core.")
