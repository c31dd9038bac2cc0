"""A child's reports of how far it is: at most four a second."""

from time import monotonic

from jobs_service.recognition.messages import Progress
from shared.runtime.child_side import emit

_SECONDS_BETWEEN = 0.25


class Reports:
    """Reports of seconds done, of a `whole` that may turn out to be longer than stated."""

    def __init__(self, whole: float) -> None:
        self._whole = whole
        self._last = 0.0

    def reached(self, seconds: float) -> None:
        """Report, unless the last report has only just been made."""
        if monotonic() - self._last >= _SECONDS_BETWEEN:
            self._last = monotonic()
            emit(Progress(round(min(max(seconds, 0.0) / max(self._whole, seconds, 0.001), 1.0), 4)))
