"""What becomes of a purchase when its provider tells something of it: each news counts once.

Locks are taken in one order: the purchase, the jobs of its owner, their account.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobs_service.credits.granting import (
    NewGrant,
    give_again,
    grant_credits,
    let_lapse,
    take_back,
)
from jobs_service.jobs.repository import Jobs
from jobs_service.payments.domain import (
    Dispute,
    News,
    Outcome,
    Purchase,
    PurchaseState,
    Refund,
)
from jobs_service.payments.repository import Purchases
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger

log = get_logger(__name__)

_OVER = (PurchaseState.FAILED, PurchaseState.EXPIRED)


@dataclass(frozen=True, slots=True)
class SettlePurchase:
    """Write what is told of a purchase, and give or take its credits, in one transaction."""

    database: Database
    clock: Clock

    async def __call__(self, news: News) -> Purchase | None:
        """The purchase as it is now; None when it is none of ours."""
        async with self.database.transaction() as tx:
            purchase = await self._found(tx, news)
            if purchase is None:
                log.info("payment_of_nothing_here", news=type(news).__name__)
                return None
            await Jobs(tx).lock_all_of(purchase.owner_id)
            if isinstance(news, Outcome):
                changed = await self._settle(tx, purchase, news)
            else:
                changed = await Purchases(tx).change(purchase.id, _gone(purchase, news))
            if changed == purchase:  # it was told before
                return purchase
            return await self._adjust(tx, changed)

    async def _found(self, tx: Transaction, news: News) -> Purchase | None:
        if isinstance(news, Outcome):
            return await Purchases(tx).told_of(news.reference, news.purchase_id)
        known = news.purchase_id if isinstance(news, Refund) else None
        return await Purchases(tx).paid_by(news.payment, known)

    async def _settle(self, tx: Transaction, purchase: Purchase, told: Outcome) -> Purchase:
        if purchase.paid_at is not None:
            return purchase
        values: dict[str, Any] = {"reference": told.reference or purchase.reference}
        if told.state is PurchaseState.PAID:
            if fault := told.fault(purchase):
                log.error("payment_mismatched", fault=fault, **purchase.facts())
                mismatched = {"state": PurchaseState.MISMATCHED, "fault": fault}
                return await Purchases(tx).change(purchase.id, values | mismatched)
            return await self._pay(tx, purchase, told)
        if told.state in _OVER and purchase.state is PurchaseState.OPEN:
            values |= {"state": told.state, "checkout_url": None}
        return await Purchases(tx).change(purchase.id, values)

    async def _pay(self, tx: Transaction, purchase: Purchase, told: Outcome) -> Purchase:
        now = self.clock.now()
        ends = now + timedelta(days=purchase.days) if purchase.days else None
        grant = NewGrant(purchase.credits, f"bought: {purchase.package}", ends)
        await grant_credits(tx, purchase.owner_id, purchase.id, grant, purchase_id=purchase.id)
        log.info("purchase_paid", **purchase.facts())
        paid = {
            "state": PurchaseState.PAID,
            "paid_at": now,
            "fault": None,
            "checkout_url": None,
            "reference": told.reference,
            "payment": told.payment or purchase.payment,
        }
        return await Purchases(tx).change(purchase.id, paid)

    async def _adjust(self, tx: Transaction, purchase: Purchase) -> Purchase:
        """Take back, or give again, what the money that has gone back is worth by now.

        Of a payment in dispute, only what is there: what is held goes when the dispute is lost.
        """
        more = purchase.to_reclaim() - purchase.reclaimed
        if purchase.paid_at is None or not more:
            return purchase
        owner, id_ = purchase.owner_id, purchase.id
        if more > 0:
            change = await take_back(tx, owner, more, id_, "payment taken back")
            if purchase.dispute == "open":
                more = change
            else:
                await let_lapse(tx, owner, more - change)
        else:
            change = -min(-more, purchase.taken_back)
            if change:
                await give_again(tx, owner, -change, id_, "payment stands")
        log.warning("purchase_reclaimed", wanted=more, taken_back=change, **purchase.facts())
        totals = {
            "reclaimed": purchase.reclaimed + more,
            "taken_back": purchase.taken_back + change,
        }
        return await Purchases(tx).change(id_, totals)


def _gone(purchase: Purchase, news: Refund | Dispute) -> dict[str, Any]:
    """What has gone back, whatever the order in which it is told."""
    values: dict[str, Any] = {"payment": news.payment}
    if isinstance(news, Refund):
        return values | {"refunded": max(purchase.refunded, news.refunded)}
    if purchase.dispute in ("won", "lost"):  # news from before its end
        return values
    amount = 0 if news.state == "won" else news.amount
    return values | {"dispute": news.state, "disputed": amount}
