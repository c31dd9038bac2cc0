"""The one place that reads the time, but for the ids, which hold it (`shared.ids`)."""

from datetime import UTC, datetime
from time import monotonic, time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; tests hand in one that they can move."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def timestamp(self) -> float:
        """The present moment, in seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    timestamp = staticmethod(time)
    monotonic = staticmethod(monotonic)
