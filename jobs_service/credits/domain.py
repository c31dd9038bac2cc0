"""Credits: what jobs cost, and the entries that every movement leaves.

An account is two sums over its append-only entries: `balance`, what can be spent, and `held`,
what is reserved for jobs under way. A hold moves credits from the one to the other and resolves
exactly once: captured (spent) or released (given back), or part of each.

| entry   | amount (to balance) | held         |
| ------- | ------------------- | ------------ |
| grant   | + n                 | 0            |
| hold    | - price             | + price      |
| capture | + price - captured  | - price      |
| release | + price             | - price      |
"""

import math
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
    """Credits reserved for a job that is under way."""

    job_id: UUID
    owner_id: UserId
    amount: int

    def capture(self, captured: int) -> Entry:
        """Spend `captured` credits of the hold and give back the rest."""
        if not 0 <= captured <= self.amount:
            raise ValueError(f"cannot capture {captured} of a hold of {self.amount}")
        return self._entry(EntryKind.CAPTURE, self.amount - captured, "job succeeded")

    def release(self, reason: str) -> Entry:
        """Give back the whole hold."""
        return self._entry(EntryKind.RELEASE, self.amount, reason)

    def _entry(self, kind: EntryKind, amount: int, reason: str) -> Entry:
        return Entry(self.owner_id, kind, amount, -self.amount, reason, self.job_id)


def price_of(job_type: str, duration_seconds: float) -> int:
    """Credits for a job of this type over this duration: each started minute counts."""
    return CREDITS_PER_MINUTE[job_type] * max(1, math.ceil(duration_seconds / 60))
