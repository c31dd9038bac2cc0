"""Composes payments: Stripe where it is set up, or else a person."""

from jobs_service.feature import Base, JobsFeature
from jobs_service.payments.endpoints import PurchaseEndpoints, Reader, StripeEndpoint
from jobs_service.payments.provider import ManualPayments, PaymentProvider
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


def build(base: Base) -> JobsFeature:
    """Purchases, what is told of their payment, and asking for what was not told."""
    provider, reader = _provider(base.settings)
    settle = SettlePurchase(base.database, base.clock)
    purchases = PurchaseEndpoints(
        base.database,
        base.cursors("purchases"),
        BuyCredits(base.database, provider, base.settings.credit_packages),
        FindPurchase(base.database),
        ConfirmPayment(base.database, settle),
        ConfirmRefund(base.database, settle),
    )
    reconcile = ReconcilePurchases(base.database, provider, settle, base.clock)
    return JobsFeature(
        endpoints=(purchases, StripeEndpoint(reader, settle)),
        components=(periodic("purchases", SECONDS_BETWEEN_RECONCILIATIONS, reconcile),),
        close=(provider.aclose,),
    )


def _provider(settings: JobsSettings) -> tuple[PaymentProvider, Reader | None]:
    key, secret = settings.stripe_secret_key, settings.stripe_webhook_secret
    if key is None or secret is None:
        return ManualPayments(), None
    # only here, as it takes memory that nobody needs who sells nothing
    from jobs_service.payments.stripe_payments import StripePayments

    stripe = StripePayments(
        key.get_secret_value(),
        secret.get_secret_value(),
        settings.stripe_api_base,
        settings.purchase_success_url or "",
        settings.purchase_cancel_url or "",
    )
    return stripe, stripe
