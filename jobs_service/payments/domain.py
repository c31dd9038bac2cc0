"""Purchases of credits: what is bought, and what is told of its payment.

    open ──▶ paid         paid once: whatever is told again changes nothing
      ├────▶ failed       money that comes after all is taken for what it was: paid
      ├────▶ expired
      └────▶ mismatched   paid, but not what was asked for: somebody has to look

What is paid back, or disputed, takes credits back, in proportion; a dispute that is won gives them
again.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from shared.errors import BadGateway, Conflict, Malformed, NotFound, Unavailable
from shared.security.principal import UserId


class PurchaseState(StrEnum):
    """Where a purchase stands."""

    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    MISMATCHED = "mismatched"


class PurchaseNotFound(NotFound):
    """The purchase does not exist, or is somebody else's."""

    code, title = "purchase_not_found", "There is no such purchase"


class PurchaseNotOpen(Conflict):
    """Only of a purchase that was made without a provider does an administrator tell."""

    code, title = "purchase_not_open", "The provider tells of this purchase, nobody else"


class PurchaseNotPaid(Conflict):
    """Only what has been paid can be paid back."""

    code, title = "purchase_not_paid", "The purchase has not been paid"


class PaymentsAway(Unavailable):
    """Whoever takes the money does not answer."""

    code, title = "payments_away", "Payments are not available right now"


class PaymentsRefused(BadGateway):
    """Whoever takes the money refuses what we ask: our settings are wrong there, or here."""

    code, title = "payments_refused", "The payment provider has refused this purchase"
    retriable = False


class PaymentsNotSetUp(NotFound):
    """Nobody takes money here."""

    code, title = "payments_not_set_up", "This provider of payments is not set up here"


class SignatureWrong(Malformed):
    """The news does not come from whom it says, or was sent long ago."""

    code, title = "payment_signature_wrong", "The signature is not valid"


class Purchase(msgspec.Struct, frozen=True):
    """A purchase as its row stands. `price`, `refunded` and `disputed` are in the currency's
    smallest unit; `reclaimed` credits are to be taken back for these, and `taken_back` could be."""

    id: UUID
    owner_id: UserId
    package: str
    credits: int
    price: int
    currency: str
    days: int | None
    provider: str
    reference: str | None
    payment: str | None
    checkout_url: str | None
    state: PurchaseState
    fault: str | None
    refunded: int
    disputed: int
    dispute: str | None
    reclaimed: int
    taken_back: int
    created_at: datetime
    paid_at: datetime | None

    def to_reclaim(self) -> int:
        """Credits for the money that has gone back, or is in dispute; a part of one is one."""
        gone = min(self.price, self.refunded + self.disputed)
        return -(-self.credits * gone // self.price)

    def facts(self) -> dict[str, Any]:
        """For the log."""
        return {"purchase_id": self.id, "provider": self.provider, "reference": self.reference}


class Checkout(msgspec.Struct, frozen=True):
    """What the provider calls a purchase, and the page where it is paid, if there is one."""

    reference: str
    url: str | None


class Outcome(msgspec.Struct, frozen=True):
    """What is told of a checkout: its state, and when it is paid, how much and by which payment."""

    reference: str
    state: PurchaseState
    purchase_id: UUID | None
    amount: int | None = None
    currency: str | None = None
    payment: str | None = None

    def fault(self, purchase: Purchase) -> str | None:
        """What of this does not agree with the purchase."""
        if self.purchase_id != purchase.id:
            return f"the checkout is of the purchase {self.purchase_id}"
        if (self.amount, self.currency) != (purchase.price, purchase.currency):
            asked = f"{purchase.price} {purchase.currency}"
            return f"paid were {self.amount} {self.currency} instead of {asked}"
        return None


class Refund(msgspec.Struct, frozen=True):
    """So much of a payment has been paid back, all in all."""

    payment: str
    purchase_id: UUID | None
    refunded: int


class Dispute(msgspec.Struct, frozen=True):
    """So much of a payment is in dispute; `state` is `open`, `lost` or `won`."""

    payment: str
    amount: int
    state: str


News = Outcome | Refund | Dispute
