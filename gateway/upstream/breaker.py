"""Fails fast while an upstream does not do its part, and lets one request at a time find out."""

from shared.clock import Clock

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"

_IN_A_ROW = 5
"""Failures that need no share."""
_REST = 2.0
"""Seconds for which it stays open."""
_WINDOW = 10.0
"""Seconds over which the share of failures is looked at."""
_MANY = 10
"""Failures in a window, below which their share says nothing."""


class Breaker:
    """Opens after five failures in a row, or when ten or more requests failed within ten seconds
    and no more than that were answered; then it stays open for two seconds.

    Then one request may try. Its answer closes the breaker, its failure opens it anew; when neither
    comes within two seconds, another one may try. `state`, `opened` (how often) and `answers` are
    there to be read.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.state = CLOSED
        self.opened = 0
        self.answers = 0
        self._next_try = 0.0
        self._in_a_row = 0
        self._answers_at_failure = 0
        self._window_began = 0.0
        self._window_failures = 0
        self._window_answers = 0

    def admits(self) -> bool:
        """Whether a request may be sent now; it may be the one that finds out."""
        if self.state is CLOSED:
            return True
        if self.retry_after() > 0:
            return False
        self.state = HALF_OPEN
        self._next_try = self._clock.monotonic() + _REST
        return True

    def retry_after(self) -> float:
        """Seconds until a request is let through; 0 while the breaker is closed."""
        if self.state is CLOSED:
            return 0.0
        return max(0.0, self._next_try - self._clock.monotonic())

    def answered(self) -> bool:
        """The head of an answer has come, whatever its status; whether this closed the breaker.

        While the breaker is open it comes from a request of before, and changes nothing.
        """
        self.answers += 1
        if self.state is not HALF_OPEN:
            return False
        self.state, self._in_a_row, self._window_failures = CLOSED, 0, 0
        return True

    def failed(self) -> bool:
        """A request or a connect has failed, by the upstream's fault; whether this opened it."""
        if self.state is OPEN:  # it had been sent before
            return False
        self._count()
        if self.state is CLOSED and not self._is_too_much:
            return False
        self.state = OPEN
        self._next_try = self._clock.monotonic() + _REST
        self.opened += 1
        return True

    def silent(self, answers: int) -> bool:
        """A request has waited in vain; whether this opened the breaker.

        It is the upstream's failure only if nobody got an answer since `answers` had been counted:
        one slow endpoint shuts nobody out of the others.
        """
        return self.answers == answers and self.failed()

    def _count(self) -> None:
        if self.answers != self._answers_at_failure:
            self._answers_at_failure, self._in_a_row = self.answers, 0
        self._in_a_row += 1
        now = self._clock.monotonic()
        if now - self._window_began > _WINDOW:
            self._window_began, self._window_failures = now, 0
            self._window_answers = self.answers
        self._window_failures += 1

    @property
    def _is_too_much(self) -> bool:
        if self._in_a_row >= _IN_A_ROW:
            return True
        answered = self.answers - self._window_answers
        return self._window_failures >= max(_MANY, answered)
