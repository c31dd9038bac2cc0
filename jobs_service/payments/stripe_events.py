"""What Stripe tells: the part of its objects that matters here, and what it comes to.

https://docs.stripe.com/api/checkout/sessions/object, …/charges/object, …/disputes/object
"""

from uuid import UUID

import msgspec

from jobs_service.payments.domain import Dispute, News, Outcome, PurchaseState, Refund

_NOT_PAID = ("requires_payment_method", "canceled")
_STATES = {
    "checkout.session.async_payment_failed": PurchaseState.FAILED,
    "checkout.session.expired": PurchaseState.EXPIRED,
}
_CHECKOUTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    *_STATES,
)
_DISPUTES = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)


class PaymentIntent(msgspec.Struct, frozen=True):
    """A payment, where the answer holds more of it than its id."""

    id: str
    status: str


class Session(msgspec.Struct, frozen=True):
    """A checkout session."""

    id: str
    status: str | None
    payment_status: str
    amount_total: int | None = None
    currency: str | None = None
    payment_intent: str | PaymentIntent | None = None
    client_reference_id: str | None = None
    url: str | None = None

    def outcome(self, state: PurchaseState | None = None) -> Outcome:
        """How it stands; an event may know `state` better."""
        intent = self.payment_intent
        return Outcome(
            reference=self.id,
            state=state or self._state(),
            purchase_id=_uuid(self.client_reference_id),
            amount=self.amount_total,
            currency=self.currency,
            payment=intent.id if isinstance(intent, PaymentIntent) else intent,
        )

    def _state(self) -> PurchaseState:
        if self.payment_status == "paid":
            return PurchaseState.PAID
        if self.status == "expired":
            return PurchaseState.EXPIRED
        intent = self.payment_intent
        given_up = isinstance(intent, PaymentIntent) and intent.status in _NOT_PAID
        # a bank may take days to say whether it pays
        return (
            PurchaseState.FAILED if self.status == "complete" and given_up else PurchaseState.OPEN
        )


class _Charge(msgspec.Struct, frozen=True):
    amount_refunded: int
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None


class _Dispute(msgspec.Struct, frozen=True):
    amount: int
    status: str
    payment_intent: str | None = None


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True):
    """News of something; `account` is another's whose business we would be connected to."""

    id: str
    type: str
    livemode: bool
    data: _Data
    account: str | None = None

    def news(self) -> News | None:
        """What it comes to; None when it is about nothing of ours.

        Raises msgspec.ValidationError when the object is not what the type says.
        """
        if self.type in _CHECKOUTS:
            session = msgspec.json.decode(self.data.object, type=Session)
            told = None if session.payment_status == "paid" else _STATES.get(self.type)
            return session.outcome(told)
        if self.type == "charge.refunded":
            return _refund(msgspec.json.decode(self.data.object, type=_Charge))
        if self.type in _DISPUTES:
            return _dispute(msgspec.json.decode(self.data.object, type=_Dispute))
        return None


def _refund(charge: _Charge) -> Refund | None:
    if charge.payment_intent is None:
        return None
    known = _uuid((charge.metadata or {}).get("purchase_id"))
    return Refund(charge.payment_intent, known, charge.amount_refunded)


def _dispute(told: _Dispute) -> Dispute | None:
    """A warning takes no money yet (https://docs.stripe.com/disputes/how-disputes-work)."""
    if told.payment_intent is None or told.status.startswith("warning_"):
        return None
    state = told.status if told.status in ("won", "lost") else "open"
    return Dispute(told.payment_intent, told.amount, state)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
