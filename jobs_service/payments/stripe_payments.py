"""Payments by Stripe: checkout sessions, and its signed news.

Loaded only where a key of Stripe is set: its library takes 12 MB.
"""

from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

import msgspec
import stripe

from jobs_service.payments.domain import (
    Checkout,
    News,
    Outcome,
    PaymentsAway,
    PaymentsRefused,
    Purchase,
    PurchaseState,
    SignatureWrong,
)
from jobs_service.payments.stripe_events import Event, Session
from shared.errors import Malformed
from shared.observability.logging import get_logger

log = get_logger(__name__)

NAME = "stripe"
_SECONDS = 8.0
_RETRIES = 1
"""With the same key of idempotency; more would outlast the gateway's patience."""
_TOLERANCE_SECONDS = 300
"""What Stripe advises: news that was signed earlier may be somebody's who has recorded it."""
_AWAY = (stripe.APIConnectionError, stripe.RateLimitError)
_CONFLICT = 409
"""The same request is under way."""
T = TypeVar("T")


class StripePayments:
    """Stripe, as `key` sees it; `success_url` and `cancel_url` are pages of the front end."""

    name = NAME

    def __init__(
        self, key: str, webhook_secret: str, api_base: str, success_url: str, cancel_url: str
    ) -> None:
        self._http = stripe.HTTPXClient(timeout=_SECONDS)
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": api_base},
            http_client=self._http,
            max_network_retries=_RETRIES,
        )
        self._webhook_secret = webhook_secret
        self._is_live = "_live_" in key
        self._success_url, self._cancel_url = success_url, cancel_url

    async def open(self, purchase: Purchase) -> Checkout:
        """Make a checkout session; raises PaymentsAway, PaymentsRefused."""
        metadata = {"purchase_id": str(purchase.id)}
        made = await self._asked(
            self._client.v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "client_reference_id": str(purchase.id),
                    "metadata": metadata,
                    "payment_intent_data": {"metadata": metadata},
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": purchase.currency,
                                "unit_amount": purchase.price,
                                "product_data": {"name": f"{purchase.credits} credits"},
                            },
                        }
                    ],
                    "success_url": _with_purchase(self._success_url, purchase.id),
                    "cancel_url": _with_purchase(self._cancel_url, purchase.id),
                },
                {"idempotency_key": f"purchase-{purchase.id}"},
            )
        )
        session = _as_session(made)
        return Checkout(session.id, session.url)

    async def look(self, purchase: Purchase) -> Outcome:
        """The session as it is now; one that Stripe does not know is a failed one."""
        reference = purchase.reference or ""
        try:
            found = await self._asked(
                self._client.v1.checkout.sessions.retrieve_async(
                    reference, {"expand": ["payment_intent"]}
                )
            )
        except PaymentsRefused as refused:
            if isinstance(refused.__cause__, stripe.InvalidRequestError):
                return Outcome(reference, PurchaseState.FAILED, purchase.id)
            raise
        return _as_session(found).outcome()

    def read(self, payload: bytes, signature: str) -> News | None:
        """What a webhook tells; None when it is about nothing of ours.

        Raises SignatureWrong, and Malformed for what is signed but cannot be understood.
        """
        try:
            stripe.WebhookSignature.verify_header(
                payload, signature, self._webhook_secret, _TOLERANCE_SECONDS
            )
        except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
            # TypeError: letters beyond ASCII, which cannot be compared in constant time
            raise SignatureWrong(f"Stripe-Signature does not fit the body: {error}.") from None
        try:
            event = msgspec.json.decode(payload, type=Event)
            if event.account is not None or event.livemode is not self._is_live:
                log.warning("event_of_another_account", event_id=event.id, type=event.type)
                return None
            return event.news()
        except msgspec.DecodeError as error:
            raise Malformed(f"This is no event of Stripe: {error}.") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except stripe.StripeError as error:
            status = error.http_status or 0
            away = isinstance(error, _AWAY) or status == _CONFLICT or status >= 500
            log.error(  # noqa: TRY400 - nobody needs to see where in the library it was
                "payments_away" if away else "payments_refused",
                status=error.http_status,
                code=error.code,
                error=str(error),
                request=error.request_id,
            )
            if away:
                raise PaymentsAway("Stripe does not answer; try again in a minute.") from error
            raise PaymentsRefused(
                "Stripe has refused it; the operators have been told why."
            ) from error


def _as_session(found: Any) -> Session:
    return msgspec.convert(found.to_dict(), Session)


def _with_purchase(address: str, purchase_id: UUID) -> str:
    """The page, told which purchase it is about."""
    parts = urlsplit(address)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("purchase", str(purchase_id))]
    return urlunsplit(parts._replace(query=urlencode(query)))
