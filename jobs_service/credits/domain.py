"""Credits: what jobs cost, and the entries that every movement leaves.

An account is three sums over its append-only entries: `balance`, what can be spent; `held`, what
is reserved for jobs under way; and `expiring`, what of the balance belongs to grants that end. A
hold moves credits from the first to the second and resolves exactly once: captured (spent) or
released (given back), or part of each.

| entry    | amount (to balance) | held    | expiring                            |
| -------- | ------------------- | ------- | ----------------------------------- |
| grant    | + n                 | 0       | + n if it ends                      |
| hold     | - price             | + price | - what of it comes from such grants |
| capture  | + price - captured  | - price | + what goes back to such grants     |
| release  | + price             | - price | + the same                          |
| expire   | - n                 | 0       | - n                                 |
| clawback | ± n                 | 0       | ± what of it is such grants'        |
| transfer | ± balance           | ± held  | ± expiring                          |
| lapse    | - n                 | 0       | 0                                   |

A transfer has two entries: what a guest leaves, and what the user gets that they turned out to be.
A clawback takes back what was bought, and then paid back or disputed; upwards, it undoes one.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from shared.errors import NotFound, PaymentRequired
from shared.security.principal import UserId


class EntryKind(StrEnum):
    """Why an account changed."""

    GRANT = "grant"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    TRANSFER = "transfer"
    LAPSE = "lapse"
    EXPIRE = "expire"
    CLAWBACK = "clawback"


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


RESERVED = frozenset({*Free, ADOPTED, ADOPTED_WITH_FREE})
"""Reasons by which the system itself knows what it has done."""


class AccountNotFound(NotFound):
    """Nobody has an account of that id."""

    code, title = "account_not_found", "There is no such account"


class NotEnoughCredits(PaymentRequired):
    """The account holds fewer credits than the job costs."""

    code, title = "not_enough_credits", "Not enough credits"


class Entry(msgspec.Struct, frozen=True):
    """One movement: what it adds to `balance`, `held` and `expiring`, all in credits."""

    owner_id: UserId
    kind: EntryKind
    amount: int
    held: int
    reason: str
    job_id: UUID | None = None
    expiring: int = 0
    grant_id: UUID | None = None
    purchase_id: UUID | None = None
    granted_by: UserId | None = None


class Balance(msgspec.Struct, frozen=True):
    """What an account holds, in credits; `expiring` is a part of `balance`."""

    balance: int
    held: int
    expiring: int = 0


class RecordedEntry(msgspec.Struct, frozen=True):
    """An entry as it stands in the account."""

    id: UUID
    kind: str
    amount: int
    held: int
    balance_after: int
    reason: str
    job_id: UUID | None
    purchase_id: UUID | None
    created_at: datetime


class Which(msgspec.Struct, frozen=True):
    """Entries of one kind, or all; from `since` on, and before `until`."""

    kind: EntryKind | None = None
    since: datetime | None = None
    until: datetime | None = None


ALL = Which()


class Hold(msgspec.Struct, frozen=True):
    """Credits reserved for a job that is under way; `expiring` of them come from grants that end,
    and go back to these."""

    job_id: UUID
    owner_id: UserId
    amount: int
    expiring: int = 0

    def open(self) -> Entry:
        """Reserve the credits."""
        return Entry(
            self.owner_id, EntryKind.HOLD, -self.amount, self.amount, "job submitted", self.job_id,
            -self.expiring,
        )  # fmt: skip

    def capture(self, captured: int) -> Entry:
        """Spend `captured` credits of the hold and give back the rest."""
        if not 0 <= captured <= self.amount:
            raise ValueError(f"cannot capture {captured} of a hold of {self.amount}")
        return self._entry(EntryKind.CAPTURE, self.amount - captured, "job succeeded")

    def release(self, reason: str) -> Entry:
        """Give back the hold."""
        return self._entry(EntryKind.RELEASE, self.amount, reason)

    def _entry(self, kind: EntryKind, amount: int, reason: str) -> Entry:
        return Entry(self.owner_id, kind, amount, -self.amount, reason, self.job_id)


class Estate(msgspec.Struct, frozen=True):
    """What a guest leaves that does not end, in credits; `free` of `balance` and `held` together
    were free.

    Free credits are spent before others that do not end, and of what is left they are held first.
    """

    balance: int
    held: int
    free: int

    def settle(self, *, with_free: bool) -> "Settlement":
        """What of it goes on; everything, or everything but the free credits."""
        if with_free:
            return Settlement(0, 0)
        lapsing = min(self.free, self.held)
        return Settlement(self.free - lapsing, lapsing)


class Settlement(msgspec.Struct, frozen=True):
    """What becomes of an estate: `lapsed` of the balance is gone, and `lapsing` of what is held can
    be spent but not given back."""

    lapsed: int
    lapsing: int


def shares(amounts: Iterable[int], total: int) -> Iterator[int]:
    """How much is taken of each of these, in this order, to take `total` of all."""
    for amount in amounts:
        share = min(amount, total)
        total -= share
        yield share
