"""One policy: how many requests in how many seconds, and how that is told to clients.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

from math import ceil

from gateway.headers import HeaderList
from shared.errors import TooMany

_LEASED = 0.02
"""The part of a quota that a process may take in advance from the shared bucket."""
_MAX_REMEMBERED = 4096


class RateLimited(TooMany):
    """A bucket is empty; `Retry-After` says in how many seconds it holds a token again."""

    code, title = "rate_limited", "Too many requests in a short time"


class Policy:
    """A bucket of `quota` tokens that refills evenly within `window` seconds, a token a request.

    `interval` is the seconds in which one token comes back, and `lease` how many a process may
    take at a time. What is told as the effective window `t` is the time for which the `r` tokens
    left last at the speed of the refill: who spreads them over it is never refused.
    """

    __slots__ = ("_headers", "_stated", "interval", "lease", "name", "quota", "window")

    def __init__(self, name: str, quota: int, window: int) -> None:
        self.name = name
        self.quota = quota
        self.window = window
        self.interval = window / quota
        self.lease = max(1, int(quota * _LEASED))
        self._stated = f'"{name}";q={quota};w={window}'
        self._headers: dict[int, HeaderList] = {}

    def headers(self, level: float) -> HeaderList:
        """What an allowed answer carries, with `level` tokens left; shared, not to be changed."""
        left = int(level)
        seconds = 0 if left else self._seconds_until_a_token(level)
        known = self._headers.get(left or -seconds)
        return self._made(left, seconds) if known is None else known

    def refusal(self, level: float) -> RateLimited:
        """The error for a request that found `level`, which is negative, tokens left."""
        seconds = self._seconds_until_a_token(level + 1)
        return RateLimited(
            f"The limit {self.name!r} allows {self.quota} requests in {self.window} s; "
            f"the next one is possible in {seconds} s.",
            headers={
                "Retry-After": str(seconds),
                "RateLimit-Policy": self._stated,
                "RateLimit": f'"{self.name}";r=0;t={seconds}',
            },
        )

    def _seconds_until_a_token(self, level: float) -> int:
        return max(1, ceil((1 - level) * self.interval))

    def _made(self, left: int, seconds: int) -> HeaderList:
        window = ceil(left * self.interval) if left else seconds
        headers = [
            (b"ratelimit-policy", self._stated.encode()),
            (b"ratelimit", f'"{self.name}";r={left};t={window}'.encode()),
        ]
        if len(self._headers) < _MAX_REMEMBERED:
            self._headers[left or -seconds] = headers
        return headers
