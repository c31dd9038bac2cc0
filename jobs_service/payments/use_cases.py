"""Buying credits, and asking for what was not told."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from jobs_service.credits.packages import Package
from jobs_service.idempotency.use_cases import Once
from jobs_service.payments.domain import (
    Outcome,
    PaymentsRefused,
    Purchase,
    PurchaseNotFound,
    PurchaseNotOpen,
    PurchaseNotPaid,
    PurchaseState,
    Refund,
)
from jobs_service.payments.provider import MANUAL, OnlineProvider, PaymentProvider
from jobs_service.payments.repository import Purchases
from jobs_service.payments.settling import SettlePurchase
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.observability.logging import get_logger
from shared.security.principal import UserId

log = get_logger(__name__)

SECONDS_BETWEEN_RECONCILIATIONS = 60.0
UNHEARD_OF = timedelta(minutes=10)
"""After this long without news, the provider is asked."""
_WITHOUT_CHECKOUT = timedelta(hours=1)
_AT_ONCE = 20


class Begun(msgspec.Struct, frozen=True):
    """What is remembered of a request to buy."""

    purchase_id: UUID


@dataclass(frozen=True, slots=True)
class BuyCredits:
    """Begin to buy a package.

    The purchase is a row before the provider is asked, and its id their key of idempotency: whoever
    crashes in between, the same request comes to the same checkout.
    """

    database: Database
    provider: PaymentProvider
    packages: tuple[Package, ...]

    async def __call__(self, owner: UserId, package_id: str, key: str | None) -> Purchase:
        """The open purchase, with the page to pay at.

        Raises Invalid, PaymentsAway, PaymentsRefused, KeyReused, RequestInProgress.
        """
        purchase = await self._begun(owner, self._package(package_id), key)
        if purchase.reference is not None or purchase.state is not PurchaseState.OPEN:
            return purchase
        checkout = await self.provider.open(purchase)
        return await Purchases(self.database).opened(purchase.id, checkout)

    async def _begun(self, owner: UserId, package: Package, key: str | None) -> Purchase:
        async with self.database.transaction() as tx:
            owner = await Aliases(tx).owner(owner)
            once, purchases = Once(owner, key, package.id, Begun), Purchases(tx)
            if (known := await once.begin(tx)) is not None:
                found = await purchases.find(known.purchase_id)
                if found is not None:
                    return found
            new = {
                "id": uuid7(),
                "owner_id": owner,
                "package": package.id,
                "credits": package.credits,
                "price": package.price,
                "currency": package.currency,
                "days": package.days,
                "provider": self.provider.name,
            }
            purchase = await purchases.add(new)
            await once.end(tx, Begun(purchase.id))
            return purchase

    def _package(self, package_id: str) -> Package:
        for package in self.packages:
            if package.id == package_id:
                return package
        known = ", ".join(package.id for package in self.packages)
        choice = f"choose among {known}" if known else "nothing is for sale here"
        fault = FieldError("package", f"{package_id!r} is not for sale; {choice}")
        raise Invalid(errors=(fault,))


@dataclass(frozen=True, slots=True)
class FindPurchase:
    """One purchase of its owner."""

    database: Database

    async def __call__(self, owner: UserId, purchase_id: UUID) -> Purchase:
        """Raises PurchaseNotFound."""
        found = await Purchases(self.database).find(purchase_id)
        if found is None or found.owner_id != owner:
            raise PurchaseNotFound(f"No purchase of yours has the id {purchase_id}.")
        return found


@dataclass(frozen=True, slots=True)
class ConfirmPayment:
    """Say that a purchase that was made without a provider has been paid."""

    database: Database
    settle: SettlePurchase

    async def __call__(self, admin: UserId, purchase_id: UUID) -> Purchase:
        """The paid purchase, also when it was paid before; raises PurchaseNotFound,
        PurchaseNotOpen."""
        found, reference = await _manual(self.database, purchase_id)
        told = Outcome(reference, PurchaseState.PAID, found.id, found.price, found.currency)
        log.info("payment_confirmed", admin=admin, **found.facts())
        return await self.settle(told) or found


@dataclass(frozen=True, slots=True)
class ConfirmRefund:
    """Say how much of a purchase that was made without a provider has been paid back."""

    database: Database
    settle: SettlePurchase

    async def __call__(self, admin: UserId, purchase_id: UUID, refunded: int) -> Purchase:
        """The purchase as it is now; `refunded` is all in all, so that it can be told again.

        Raises PurchaseNotFound, PurchaseNotOpen, PurchaseNotPaid, Invalid.
        """
        found, reference = await _manual(self.database, purchase_id)
        if found.paid_at is None:
            raise PurchaseNotPaid(f"The purchase is {found.state}.")
        if not found.refunded <= refunded <= found.price:
            fault = f"must be between {found.refunded}, which has been paid back, and {found.price}"
            raise Invalid(errors=(FieldError("refunded", f"{fault}; it is {refunded}"),))
        log.info("refund_confirmed", admin=admin, refunded=refunded, **found.facts())
        return await self.settle(Refund(reference, found.id, refunded)) or found


async def _manual(database: Database, purchase_id: UUID) -> tuple[Purchase, str]:
    """A purchase of which an administrator may tell, and what it is called."""
    found = await Purchases(database).find(purchase_id)
    if found is None:
        raise PurchaseNotFound(f"No purchase has the id {purchase_id}.")
    if found.provider != MANUAL or found.reference is None:
        raise PurchaseNotOpen(f"It is paid by {found.provider}, who will tell.")
    return found, found.reference


@dataclass(frozen=True, slots=True)
class ReconcilePurchases:
    """Ask the provider for open purchases of which nothing has been heard.

    Safe to run in several processes, since each claims the purchases that it asks for.
    """

    database: Database
    provider: OnlineProvider
    settle: SettlePurchase
    clock: Clock
    age: timedelta = UNHEARD_OF

    async def __call__(self) -> int:
        """How many were asked for; raises PaymentsAway."""
        purchases = Purchases(self.database)
        claimed = await purchases.claim_open(self.provider.name, self.age, _AT_ONCE)
        for purchase in claimed:
            if outcome := await self._outcome(purchase):
                await self.settle(outcome)
        return len(claimed)

    async def _outcome(self, purchase: Purchase) -> Outcome | None:
        if purchase.reference is None:
            if self.clock.now() - purchase.created_at < _WITHOUT_CHECKOUT:
                return None
            # nobody was ever shown a page to pay at
            return Outcome("", PurchaseState.EXPIRED, purchase.id)
        try:
            return await self.provider.look(purchase)
        except PaymentsRefused:
            log.warning("purchase_not_reconciled", **purchase.facts())
            return None


async def disown_purchases(tx: Transaction, owner: UserId, nobody: UserId) -> None:
    """Keep the purchases of somebody who is no more as nobody's: they are accounts."""
    await Purchases(tx).disown(owner, nobody)
