"""Who takes the money: the port, and its adapter for a person who looks at a bank account."""

from typing import Protocol

from jobs_service.payments.domain import Checkout, News, Outcome, Purchase

MANUAL = "manual"


class PaymentProvider(Protocol):
    """Takes money for purchases."""

    @property
    def name(self) -> str:
        """Which one it is."""
        ...

    async def open(self, purchase: Purchase) -> Checkout:
        """Begin a checkout; a second call for the same purchase gives the same one.

        Raises PaymentsAway, PaymentsRefused.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class OnlineProvider(PaymentProvider, Protocol):
    """One that tells what was paid, and can be asked."""

    async def look(self, purchase: Purchase) -> Outcome:
        """How the checkout of a purchase stands; raises PaymentsAway, PaymentsRefused."""
        ...

    def read(self, payload: bytes, signature: str) -> News | None:
        """What it tells, once it has proved who it is; None when that is about nothing of ours.

        Raises SignatureWrong, Malformed.
        """
        ...


class ManualPayments:
    """An administrator confirms what was paid in some other way."""

    name = MANUAL

    async def open(self, purchase: Purchase) -> Checkout:
        """There is no page to pay at; the id of the purchase is what to write on a transfer."""
        return Checkout(f"{MANUAL} {purchase.id}", None)

    async def aclose(self) -> None:
        """There is nothing to close."""
