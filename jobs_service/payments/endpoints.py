"""HTTP: buying credits, and what Stripe tells."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from starlette.requests import Request

from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.header import IdempotencyKey
from jobs_service.payments.domain import (
    PaymentsAway,
    PaymentsNotSetUp,
    PaymentsRefused,
    PurchaseNotFound,
    PurchaseNotOpen,
    PurchaseNotPaid,
    SignatureWrong,
)
from jobs_service.payments.provider import OnlineProvider
from jobs_service.payments.repository import Purchases
from jobs_service.payments.schemas import (
    EXAMPLE_EVENT,
    EXAMPLE_PAID,
    EXAMPLE_PURCHASE,
    EXAMPLE_PURCHASE_REQUEST,
    EXAMPLE_REFUND_REQUEST,
    EXAMPLE_REFUNDED,
    PurchaseRequest,
    PurchaseView,
    RefundRequest,
    Taken,
)
from jobs_service.payments.settling import SettlePurchase
from jobs_service.payments.use_cases import (
    BuyCredits,
    ConfirmPayment,
    ConfirmRefund,
    FindPurchase,
)
from shared.db.database import Database
from shared.errors import TooLarge
from shared.http.endpoint import Header, endpoint
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.principal import Principal

_LARGEST_EVENT = 1024 * 1024
Signature = Annotated[str, Header("Stripe-Signature", "Made by Stripe, of the time and the body.")]


@dataclass(frozen=True, slots=True)
class PurchaseEndpoints:
    """The caller's purchases."""

    database: Database
    cursors: Cursors
    buy_credits: BuyCredits
    find: FindPurchase
    confirm_payment: ConfirmPayment
    confirm_refund: ConfirmRefund

    @endpoint(
        "POST",
        "/api/credits/purchases",
        status=201,
        summary="Buy a package of credits",
        description="Pay at `checkout_url`; the credits come as soon as the payment is confirmed. "
        "Without such a page an administrator confirms it.",
        tag="credits",
        body_example=EXAMPLE_PURCHASE_REQUEST,
        example=EXAMPLE_PURCHASE,
        errors=(KeyReused, RequestInProgress, PaymentsAway, PaymentsRefused),
        guests=False,
    )
    async def buy(
        self, body: PurchaseRequest, caller: Principal, idempotency_key: IdempotencyKey
    ) -> PurchaseView:
        """Nothing is charged yet."""
        return PurchaseView.of(await self.buy_credits(caller.id, body.package, idempotency_key))

    @endpoint(
        "GET",
        "/api/credits/purchases",
        summary="The caller's purchases, newest first",
        tag="credits",
        example=Page([EXAMPLE_PURCHASE], next_cursor=None),
        scope="credits:read",
    )
    async def list_purchases(self, query: PageQuery, caller: Principal) -> Page[PurchaseView]:
        """A page of purchases."""
        after = self.cursors.after_id(query)
        found = await Purchases(self.database).list_of(caller.id, query.limit + 1, after)
        return self.cursors.page(
            [PurchaseView.of(one) for one in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "GET",
        "/api/credits/purchases/{purchase_id}",
        summary="One purchase",
        tag="credits",
        example=EXAMPLE_PURCHASE,
        errors=(PurchaseNotFound,),
        scope="credits:read",
    )
    async def purchase(self, purchase_id: UUID, caller: Principal) -> PurchaseView:
        """The purchase as it stands."""
        return PurchaseView.of(await self.find(caller.id, purchase_id))

    @endpoint(
        "POST",
        "/api/credits/purchases/{purchase_id}/payment",
        summary="Confirm that a purchase without a page to pay at has been paid",
        tag="credits",
        example=EXAMPLE_PAID,
        errors=(PurchaseNotFound, PurchaseNotOpen),
        scope="admin:credits:write",
    )
    async def confirm(self, purchase_id: UUID, caller: Principal) -> PurchaseView:
        """Its owner has the credits; a second time changes nothing."""
        return PurchaseView.of(await self.confirm_payment(caller.id, purchase_id))

    @endpoint(
        "PUT",
        "/api/credits/purchases/{purchase_id}/refund",
        summary="Confirm that a purchase without a page to pay at has been paid back",
        description="In whole or in part; its credits are taken back in proportion, as far as they "
        "are there.",
        tag="credits",
        body_example=EXAMPLE_REFUND_REQUEST,
        example=EXAMPLE_REFUNDED,
        errors=(PurchaseNotFound, PurchaseNotOpen, PurchaseNotPaid),
        scope="admin:credits:write",
    )
    async def refund(
        self, purchase_id: UUID, body: RefundRequest, caller: Principal
    ) -> PurchaseView:
        """The same once more changes nothing."""
        return PurchaseView.of(await self.confirm_refund(caller.id, purchase_id, body.refunded))


@dataclass(frozen=True, slots=True)
class StripeEndpoint:
    """Where Stripe tells what has happened; `stripe` where it is set up."""

    stripe: OnlineProvider | None
    settle: SettlePurchase

    @endpoint(
        "POST",
        "/api/payments/stripe",
        summary="Take an event of Stripe",
        description="For Stripe's webhook alone, which signs what it sends. It may come more than "
        "once, and in any order.",
        tag="payments",
        body_schema={"type": "object"},
        body_example=EXAMPLE_EVENT,
        example=Taken(),
        errors=(SignatureWrong, PaymentsNotSetUp, TooLarge),
    )
    async def take(self, request: Request, stripe_signature: Signature) -> Taken:
        """Once this is answered, whatever follows from it has been written."""
        if self.stripe is None:
            raise PaymentsNotSetUp("Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.")
        news = self.stripe.read(await _whole(request), stripe_signature)
        if news is not None:
            await self.settle(news)
        return Taken()


async def _whole(request: Request) -> bytes:
    """The body, byte for byte as it was signed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_EVENT:
            raise TooLarge(f"An event has at most {_LARGEST_EVENT} bytes.")
    return bytes(body)
