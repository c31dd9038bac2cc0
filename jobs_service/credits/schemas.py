"""Wire types of the credits endpoints."""

from datetime import UTC, datetime
from typing import Literal, Self
from uuid import UUID

import msgspec

from jobs_service.credits.domain import Balance, RecordedEntry


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
    kind: Literal["grant", "hold", "capture", "release", "transfer", "lapse"]
    amount: int
    held: int
    balance_after: int
    reason: str
    job_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, entry: RecordedEntry) -> Self:
        """The view of `entry`."""
        return msgspec.convert(entry, cls, from_attributes=True)


class EstimateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The job whose price is asked for."""

    type: Literal["captions"]
    video_id: UUID


class EstimateView(msgspec.Struct, frozen=True):
    """What the job would cost now, and whether the caller can pay for it."""

    credits: int
    balance: int
    sufficient: bool


EXAMPLE_BALANCE = BalanceView(balance=57, held=3)
EXAMPLE_TRANSACTION = TransactionView(
    id=UUID("0199c0de-7a30-7c11-8d3f-5b1a2c3d4e5f"),
    kind="hold",
    amount=-3,
    held=3,
    balance_after=57,
    reason="job submitted",
    job_id=UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5b"),
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
EXAMPLE_ESTIMATE_REQUEST = EstimateRequest(
    type="captions", video_id=UUID("0199c0de-1111-7aaa-8bbb-222233334444")
)
EXAMPLE_ESTIMATE = EstimateView(credits=3, balance=60, sufficient=True)
