"""Composes payments: Stripe where it is set up, or else a person."""

from jobs_service.feature import Base, JobsFeature
from jobs_service.payments.endpoints import PurchaseEndpoints, StripeEndpoint
from jobs_service.payments.provider import ManualPayments, OnlineProvider, PaymentProvider
from jobs_service.payments.settling import SettlePurchase
from jobs_service.payments.use_cases import (
    SECONDS_BETWEEN_RECONCILIATIONS,
    BuyCredits,
    ConfirmPayment,
    ConfirmRefund,
    FindPurchase,
    ReconcilePurchases,
)
from jobs_service.settings import JobsSettings
from shared.runtime.periodic import periodic
from shared.runtime.service import Component


def build(base: Base) -> JobsFeature:
    """Purchases, what is told of their payment, and asking for what was not told."""
    stripe = _stripe(base.settings)
    provider: PaymentProvider = stripe or ManualPayments()
    settle = SettlePurchase(base.database, base.clock)
    purchases = PurchaseEndpoints(
        base.database,
        base.cursors("purchases"),
        BuyCredits(base.database, provider, base.settings.credit_packages),
        FindPurchase(base.database),
        ConfirmPayment(base.database, settle),
        ConfirmRefund(base.database, settle),
    )
    components: tuple[Component, ...] = ()
    if stripe is not None:
        reconcile = ReconcilePurchases(base.database, stripe, settle, base.clock)
        components = (periodic("purchases", SECONDS_BETWEEN_RECONCILIATIONS, reconcile),)
    return JobsFeature(
        endpoints=(purchases, StripeEndpoint(stripe, settle)),
        components=components,
        close=(provider.aclose,),
    )


def _stripe(settings: JobsSettings) -> OnlineProvider | None:
    key, secret = settings.stripe_secret_key, settings.stripe_webhook_secret
    if key is None or secret is None:
        return None
    # only here, as it takes memory that nobody needs who sells nothing
    from jobs_service.payments.stripe_payments import StripePayments

    return StripePayments(
        key.get_secret_value(),
        secret.get_secret_value(),
        settings.stripe_api_base,
        settings.purchase_success_url or "",
        settings.purchase_cancel_url or "",
    )
