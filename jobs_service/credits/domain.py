"""Credits: what jobs cost, and the entries that every movement leaves.

An account is two sums over its append-only entries: `balance`, what can be spent, and `held`,
what is reserved for jobs under way. A hold moves credits from the one to the other and resolves
exactly once: captured (spent) or released (given back), or part of each.

| entry    | amount (to balance) | held         |
| -------- | ------------------- | ------------ |
| grant    | + n                 | 0            |
| hold     | - price             | + price      |
| capture  | + price - captured  | - price      |
| release  | + price - lapsing   | - price      |
| transfer | ± balance           | ± held       |
| lapse    | - n                 | 0            |

A transfer has two entries: what a guest leaves, and what the user gets that they turned out to be.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from shared.errors import PaymentRequired
from shared.security.principal import UserId

CREDITS_PER_MINUTE = {"captions": 1}
"""The price list: credits for each started minute of the video."""


class EntryKind(StrEnum):
    """Why an account changed."""

    GRANT = "grant"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    TRANSFER = "transfer"
    LAPSE = "lapse"


class Free(StrEnum):
    """Why somebody is given credits for nothing; each once, and together no more than the largest
    of them."""

    WELCOME = "welcome"
    GUEST = "guest"


ADOPTED = "adopted"
"""The reason of a transfer."""
ADOPTED_WITH_FREE = "adopted with free credits"
"""The reason of a transfer that free credits are a part of: an account gets one of these at most,
so that nobody collects them guest by guest."""


class NotEnoughCredits(PaymentRequired):
    """The account holds fewer credits than the job costs."""

    code, title = "not_enough_credits", "Not enough credits"


class Entry(msgspec.Struct, frozen=True):
    """One movement: what it adds to `balance` and to `held`, both in credits."""

    owner_id: UserId
    kind: EntryKind
    amount: int
    held: int
    reason: str
    job_id: UUID | None = None


class Balance(msgspec.Struct, frozen=True):
    """What an account holds, in credits."""

    balance: int
    held: int


class RecordedEntry(msgspec.Struct, frozen=True):
    """An entry as it stands in the account."""

    id: UUID
    kind: str
    amount: int
    held: int
    balance_after: int
    reason: str
    job_id: UUID | None
    created_at: datetime


class Hold(msgspec.Struct, frozen=True):
    """Credits reserved for a job that is under way.

    `lapsing` of them can be spent on it, but are nobody's when they are given back.
    """

    job_id: UUID
    owner_id: UserId
    amount: int
    lapsing: int = 0

    def capture(self, captured: int) -> Entry:
        """Spend `captured` credits of the hold, lapsing ones first, and give back the rest."""
        if not 0 <= captured <= self.amount:
            raise ValueError(f"cannot capture {captured} of a hold of {self.amount}")
        given_back = self.amount - max(captured, self.lapsing)
        return self._entry(EntryKind.CAPTURE, given_back, "job succeeded")

    def release(self, reason: str) -> Entry:
        """Give back the hold, but for what lapses."""
        return self._entry(EntryKind.RELEASE, self.amount - self.lapsing, reason)

    def _entry(self, kind: EntryKind, amount: int, reason: str) -> Entry:
        return Entry(self.owner_id, kind, amount, -self.amount, reason, self.job_id)


def price_of(job_type: str, duration_seconds: float) -> int:
    """Credits for a job of this type over this duration: each started minute counts."""
    return CREDITS_PER_MINUTE[job_type] * max(1, math.ceil(duration_seconds / 60))


class Estate(msgspec.Struct, frozen=True):
    """What a guest leaves, in credits; `free` of `balance` and `held` together were free.

    Free credits are spent first, and of what is left they are held first.
    """

    balance: int
    held: int
    free: int

    def settle(self, *, with_free: bool) -> "Settlement":
        """What of it goes on; everything, or everything but the free credits."""
        if with_free:
            return Settlement(self.balance, self.held, 0, 0)
        lapsing = min(self.free, self.held)
        lapsed = self.free - lapsing
        return Settlement(self.balance - lapsed, self.held, lapsed, lapsing)


class Settlement(msgspec.Struct, frozen=True):
    """What becomes of an estate: `balance` and `held` go on, `lapsed` is gone, and `lapsing` of
    what is held can be spent but not given back."""

    balance: int
    held: int
    lapsed: int
    lapsing: int


def lapsing_of(amounts: Iterable[int], lapsing: int) -> Iterator[int]:
    """How much of each of these holds is lapsing, when that much of all of them is."""
    for amount in amounts:
        part = min(amount, lapsing)
        lapsing -= part
        yield part
