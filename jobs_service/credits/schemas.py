"""Wire types of the credits endpoints."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

import msgspec

from jobs_service.credits.domain import Balance, EntryKind, RecordedEntry, Which
from jobs_service.credits.granting import USUAL_PRIORITY, Given, NewGrant
from jobs_service.credits.grants import Grant
from jobs_service.credits.packages import Package
from jobs_service.credits.prices import PriceList
from shared.errors import FieldError, Invalid
from shared.http.paging import PageQuery

_Day = Annotated[date | None, msgspec.Meta(description="A day in UTC; the first one.")]
_LastDay = Annotated[date | None, msgspec.Meta(description="A day in UTC; the last one.")]


def _period(first: date | None, last: date | None, kind: EntryKind | None = None) -> Which:
    """Entries of the days from `first` to `last`, these included; raises `Invalid`."""
    if first and last and first > last:
        raise Invalid(errors=(FieldError("to", f"must not be before `from`, which is {first}"),))
    since = datetime(first.year, first.month, first.day, tzinfo=UTC) if first else None
    until = datetime(last.year, last.month, last.day, tzinfo=UTC) if last else None
    if until is not None and last != date.max:
        until += timedelta(days=1)
    return Which(kind, since, until)


class TransactionsQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which movements to list."""

    kind: EntryKind | None = None
    first: _Day = msgspec.field(name="from", default=None)
    last: _LastDay = msgspec.field(name="to", default=None)

    def which(self) -> Which:
        """Raises `Invalid`."""
        return _period(self.first, self.last, self.kind)


class StatementQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The days of a statement."""

    first: _Day = msgspec.field(name="from", default=None)
    last: _LastDay = msgspec.field(name="to", default=None)

    def which(self) -> Which:
        """Raises `Invalid`."""
        return _period(self.first, self.last)


class BalanceView(msgspec.Struct, frozen=True):
    """What the caller can spend, and what is reserved for jobs under way, in credits."""

    balance: int
    held: int

    @classmethod
    def of(cls, balance: Balance) -> Self:
        """The view of `balance`."""
        return cls(balance.balance, balance.held)


class TransactionView(msgspec.Struct, frozen=True):
    """One movement: `amount` is what it added to the balance, `held` to what is reserved."""

    id: UUID
    kind: EntryKind
    amount: int
    held: int
    balance_after: int
    reason: str
    job_id: UUID | None
    purchase_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, entry: RecordedEntry) -> Self:
        """The view of `entry`."""
        return msgspec.convert(entry, cls, from_attributes=True)


class EstimateView(msgspec.Struct, frozen=True):
    """What the job would cost now, and whether the caller can pay for it."""

    credits: int
    balance: int
    sufficient: bool


class PricesView(msgspec.Struct, frozen=True):
    """What jobs cost in credits, and packages of credits in money, each `price` in the smallest
    unit of its currency."""

    credits: PriceList
    packages: list[Package]


class EndingGrantView(msgspec.Struct, frozen=True):
    """Credits that end: what is `remaining` of them can be spent until `expires_at`."""

    id: UUID
    credits: int
    remaining: int
    priority: int
    expires_at: datetime
    reason: str

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """The view of `grant`."""
        return cls(
            grant.id, grant.amount, grant.remaining, grant.priority, grant.expires_at, grant.reason
        )


class GrantRequest(NewGrant, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credits for a user. With `expires_at` they end, and `priority` says which of those that end
    are spent first: the lowest."""

    user_id: UUID

    def to_domain(self) -> NewGrant:
        """What is to be given."""
        return NewGrant(self.credits, self.reason, self.expires_at, self.priority)


class GrantView(msgspec.Struct, frozen=True):
    """Credits that were given by hand."""

    id: UUID
    user_id: UUID
    credits: int
    reason: str
    expires_at: datetime | None
    priority: int
    created_at: datetime

    @classmethod
    def of(cls, given: Given) -> Self:
        """The view of what was `given`."""
        grant = given.grant
        return cls(
            given.id, given.owner_id, grant.credits, grant.reason, grant.expires_at,
            grant.priority, given.created_at,
        )  # fmt: skip


_USER = UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5c")
_END = datetime(2026, 12, 31, tzinfo=UTC)
EXAMPLE_BALANCE = BalanceView(balance=57, held=3)
EXAMPLE_TRANSACTION = TransactionView(
    id=UUID("0199c0de-7a30-7c11-8d3f-5b1a2c3d4e5f"),
    kind=EntryKind.HOLD,
    amount=-3,
    held=3,
    balance_after=57,
    reason="job submitted",
    job_id=UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5b"),
    purchase_id=None,
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
EXAMPLE_ESTIMATE = EstimateView(credits=3, balance=60, sufficient=True)
EXAMPLE_PRICES = PricesView(
    PriceList(), [Package(id="small", credits=100, price=500, currency="eur")]
)
EXAMPLE_ENDING_GRANT = EndingGrantView(
    UUID("0199c0de-7a30-7c11-8d3f-5b1a2c3d4e60"), 100, 40, USUAL_PRIORITY, _END, "spring campaign"
)
EXAMPLE_GRANT_REQUEST = GrantRequest(
    user_id=_USER, credits=100, reason="spring campaign", expires_at=_END
)
EXAMPLE_GRANT = GrantView(
    EXAMPLE_ENDING_GRANT.id, _USER, 100, "spring campaign", _END, USUAL_PRIORITY,
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)  # fmt: skip
