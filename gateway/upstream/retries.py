"""How many requests may be sent twice: an upstream in trouble must not get twice the load."""

from collections import deque

from shared.clock import Clock

_SECONDS = 10.0
_SHARE = 0.2
_ALWAYS = 10


class RetryBudget:
    """Of the requests of the last ten seconds a fifth may be sent again, and ten more.

    Who sends a request counts it in `requests`; `repeated` says how many were sent again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.requests = 0
        self.repeated = 0
        self._marks = deque([(clock.monotonic(), 0, 0)])

    def mark(self) -> None:
        """Remember the counts of this moment; the more often, the more exact are the seconds."""
        self._forget()
        self._marks.append((self._clock.monotonic(), self.requests, self.repeated))

    def allows(self) -> bool:
        """Whether one more request may be sent again, which is then counted."""
        self._forget()
        _, requests, repeated = self._marks[0]
        if self.repeated - repeated >= _ALWAYS + _SHARE * (self.requests - requests):
            return False
        self.repeated += 1
        return True

    def _forget(self) -> None:
        """Keep one mark that is ten seconds old, and all that are younger."""
        long_ago = self._clock.monotonic() - _SECONDS
        while len(self._marks) > 1 and self._marks[1][0] <= long_ago:
            self._marks.popleft()
