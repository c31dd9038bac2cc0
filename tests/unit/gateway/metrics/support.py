"""Reads metrics as Prometheus reads them."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Value = dict[tuple[str, ...], float]
"""By the values of the labels, in the order of their names."""


class _Fixed(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def told(families: Iterable[Metric]) -> dict[str, Value]:
    """What Prometheus would read of these families, by the name of the sample."""
    registry = CollectorRegistry()
    registry.register(_Fixed(list(families)))
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> dict[str, Value]:
    samples: dict[str, Value] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return samples
