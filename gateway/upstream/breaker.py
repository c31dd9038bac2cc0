"""Fails fast while an upstream cannot be reached, and lets one request at a time find out."""

from shared.clock import Clock


class Breaker:
    """Counts failed connects in a row; after `threshold` of them it stays open for `rest` seconds.

    Then one probe may try. Its success closes the breaker, its failure opens it anew.
    """

    def __init__(self, clock: Clock, *, threshold: int = 5, rest: float = 2.0) -> None:
        self._clock = clock
        self._threshold = threshold
        self._rest = rest
        self._failures = 0
        self._opened_at = 0.0
        self._probing = False

    def admits(self) -> bool:
        """Whether a connect may be tried now; the caller reports how it went."""
        if self._failures < self._threshold:
            return True
        if self._probing or self.retry_after() > 0:
            return False
        self._probing = True
        return True

    def retry_after(self) -> float:
        """Seconds until a probe is let through; 0 while the breaker is closed."""
        if self._failures < self._threshold:
            return 0.0
        return max(0.0, self._opened_at + self._rest - self._clock.monotonic())

    def succeeded(self) -> None:
        """A connect succeeded."""
        self._failures, self._probing = 0, False

    def failed(self) -> None:
        """A connect failed."""
        self._failures += 1
        self._probing = False
        self._opened_at = self._clock.monotonic()

    def abandoned(self) -> None:
        """A connect was given up by its caller and says nothing about the upstream."""
        self._probing = False
