"""The port to the buckets of one policy, held by one conformance suite; and their arithmetic.

A bucket is one number: the moment at which it is full again (the theoretical arrival time of the
generic cell rate algorithm, ITU-T I.371). A bucket that is full need not be kept.
"""

from typing import Protocol

Key = str | int
"""Whose bucket: an address or network, or the number of a user's id."""

_ROUNDING = 1e-6
"""A token that came back but for an error of rounding has come back."""


class Buckets(Protocol):
    """Every bucket of one policy.

    Both methods take a token and return how many are left; below zero there was none to take, and
    1 more than the result is what the bucket holds.
    """

    def take(self, key: Key) -> float | None:
        """Answer at once, or None when that takes an `ask`."""
        ...

    async def ask(self, key: Key) -> float:
        """Answer after asking whoever knows; never raises."""
        ...


def level(full_at: float, now: float, quota: int, interval: float) -> float:
    """The tokens in a bucket that is full again at `full_at`, between 0 and `quota`; `interval` is
    in seconds a token."""
    if full_at <= now:
        return quota
    return quota - (full_at - now) / interval + _ROUNDING
