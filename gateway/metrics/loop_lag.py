"""How late the event loop is: what every request waits whose turn it is meanwhile."""

import asyncio
from collections.abc import Iterable

from prometheus_client.core import HistogramMetricFamily, Metric

from gateway.metrics.histogram import add, bucket_of, no_counts
from shared.clock import Clock
from shared.runtime.service import Ready

_PAUSE_SECONDS = 0.5


class LoopLag:
    """Sleeps half a second at a time, and notes by how much it overslept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts = no_counts()
        self._seconds = 0.0

    async def run(self, ready: Ready) -> None:
        """Measure until cancelled."""
        ready()
        while True:
            began = self._clock.monotonic()
            await asyncio.sleep(_PAUSE_SECONDS)
            self.note(self._clock.monotonic() - began - _PAUSE_SECONDS)

    def note(self, late: float) -> None:
        """The loop was late by so many seconds; timers of a millisecond may also be early."""
        late = max(0.0, late)
        self._counts[bucket_of(late)] += 1
        self._seconds += late

    def families(self) -> Iterable[Metric]:
        """What has been measured since the start."""
        family = HistogramMetricFamily(
            "madang_gateway_event_loop_lag_seconds",
            "How late the event loop was, twice a second.",
            labels=(),
        )
        add(family, (), self._counts, self._seconds)
        yield family
