"""Durations in buckets, as Prometheus wants them; adding one costs no object."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; a bucket holds what took as long, or less."""
_NAMES = [*map(floatToGoString, BOUNDS), "+Inf"]

Counts = list[float]
"""How many durations fell into each bucket, the last being without bound."""


def no_counts() -> Counts:
    """Empty buckets."""
    return [0.0] * (len(BOUNDS) + 1)


def bucket_of(seconds: float) -> int:
    """The bucket in which a duration falls."""
    return bisect_left(BOUNDS, seconds)


def add(
    family: HistogramMetricFamily, labels: Sequence[str], counts: Counts, seconds: float
) -> None:
    """Tell `family` of buckets whose durations come to `seconds` together."""
    family.add_metric(labels, list(_cumulated(counts)), seconds)


def _cumulated(counts: Counts) -> Iterable[tuple[str, float]]:
    total = 0.0
    for name, count in zip(_NAMES, counts, strict=True):
        total += count
        yield name, total
