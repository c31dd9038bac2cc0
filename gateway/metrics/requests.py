"""What is counted about every request: plain numbers, put into form at a scrape."""

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from gateway.metrics.histogram import Counts, add, bucket_of, no_counts
from gateway.routes import METHODS

_OTHER = "other"
"""A client may invent methods, and each would be a time series for good."""


class _Series:
    """What is known of the requests with one service, method and status."""

    __slots__ = ("bytes", "counts", "seconds")

    def __init__(self) -> None:
        self.counts: Counts = no_counts()
        self.seconds = 0.0
        self.bytes = 0


class RequestMetrics:
    """Counts requests; `in_flight` is kept by who answers them."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._series: dict[tuple[str, str, int], _Series] = {}

    def observe(
        self, service: str, method: str, status: int, seconds: float, sent_bytes: int
    ) -> None:
        """Count a request that `service` answered within `seconds`, with a body of `sent_bytes`."""
        series = self._series.get((service, method, status)) or self._find(service, method, status)
        series.counts[bucket_of(seconds)] += 1
        series.seconds += seconds
        series.bytes += sent_bytes

    def families(self) -> Iterable[Metric]:
        """What has been counted since the start."""
        yield GaugeMetricFamily(
            "madang_gateway_requests_in_flight", "Requests being answered.", value=self.in_flight
        )
        requests = CounterMetricFamily(
            "madang_gateway_requests",
            "Requests answered, by the service that did; 'gateway' for the gateway itself.",
            labels=("service", "method", "status"),
        )
        for (service, method, status), series in self._series.items():
            requests.add_metric((service, method, str(status)), sum(series.counts))
        yield requests
        yield from self._by_service()

    def _by_service(self) -> Iterable[Metric]:
        """Time and bytes: with method and status they would be a series for each bucket of each."""
        durations = HistogramMetricFamily(
            "madang_gateway_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            labels=("service",),
        )
        sent = CounterMetricFamily(
            "madang_gateway_response_bytes", "Bytes of answers' bodies.", labels=("service",)
        )
        by_service: dict[str, list[_Series]] = defaultdict(list)
        for (service, _, _), series in self._series.items():
            by_service[service].append(series)
        for service, several in by_service.items():
            counts = [sum(column) for column in zip(*(one.counts for one in several), strict=True)]
            add(durations, (service,), counts, sum(one.seconds for one in several))
            sent.add_metric((service,), sum(one.bytes for one in several))
        yield durations
        yield sent

    def _find(self, service: str, method: str, status: int) -> _Series:
        known = method if method in METHODS else _OTHER
        return self._series.setdefault((service, known, status), _Series())
