"""Wire types of purchases."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec

from jobs_service.payments.domain import Purchase, PurchaseState


class PurchaseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to buy."""

    package: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=50, description="One of those of `GET /api/credits/prices`."
        ),
    ]


class RefundRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much has been paid back, all in all, in the currency's smallest unit."""

    refunded: Annotated[int, msgspec.Meta(ge=1)]


class PurchaseView(msgspec.Struct, frozen=True):
    """A purchase. `price` and `refunded` are in the currency's smallest unit; `credits_taken_back`
    is what went for money that was paid back or disputed."""

    id: UUID
    package: str
    credits: int
    price: int
    currency: str
    provider: str
    state: PurchaseState
    checkout_url: str | None
    refunded: int
    credits_taken_back: int
    created_at: datetime
    paid_at: datetime | None

    @classmethod
    def of(cls, purchase: Purchase) -> Self:
        """The view of `purchase`."""
        page = purchase.checkout_url if purchase.state is PurchaseState.OPEN else None
        return cls(
            purchase.id, purchase.package, purchase.credits, purchase.price, purchase.currency,
            purchase.provider, purchase.state, page, purchase.refunded,
            purchase.taken_back, purchase.created_at, purchase.paid_at,
        )  # fmt: skip


class StripeEvent(msgspec.Struct, frozen=True):
    """The shape of what Stripe sends; the object in `data` depends on the type."""

    id: str
    type: str
    livemode: bool
    data: dict[str, Any]


class Taken(msgspec.Struct, frozen=True):
    """The news has been taken."""

    received: bool = True


EXAMPLE_PURCHASE_REQUEST = PurchaseRequest("small")
EXAMPLE_PURCHASE = PurchaseView(
    UUID("0199c0de-7a30-7c11-8d3f-5b1a2c3d4e61"), "small", 100, 500, "eur", "stripe",
    PurchaseState.OPEN, "https://checkout.stripe.com/c/pay/cs_test_a1b2c3", 0, 0,
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None,
)  # fmt: skip
EXAMPLE_PAID = msgspec.structs.replace(
    EXAMPLE_PURCHASE,
    state=PurchaseState.PAID,
    provider="manual",
    checkout_url=None,
    paid_at=datetime(2026, 1, 2, 3, 9, 5, tzinfo=UTC),
)
EXAMPLE_REFUND_REQUEST = RefundRequest(250)
EXAMPLE_REFUNDED = msgspec.structs.replace(EXAMPLE_PAID, refunded=250, credits_taken_back=50)
EXAMPLE_EVENT = StripeEvent(
    "evt_1a2b3c",
    "checkout.session.completed",
    False,
    {
        "object": {
            "id": "cs_test_a1b2c3",
            "object": "checkout.session",
            "status": "complete",
            "payment_status": "paid",
            "amount_total": 500,
            "currency": "eur",
            "payment_intent": "pi_1a2b3c",
            "client_reference_id": "0199c0de-7a30-7c11-8d3f-5b1a2c3d4e61",
        }
    },
)
