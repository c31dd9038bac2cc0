"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Stands still until it is told to `advance`."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """The moment it has been moved to."""
        return self._now

    def timestamp(self) -> float:
        """The same moment, in seconds since 1970."""
        return self._now.timestamp()

    def monotonic(self) -> float:
        """Seconds, moved together with `now`."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
