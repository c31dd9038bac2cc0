"""Composes webhooks: what their owners may do, and who sends."""

import asyncio

import httpx

from jobs_service.feature import Base, JobsFeature
from jobs_service.settings import JobsSettings
from jobs_service.webhooks.deliverer import Deliverer
from jobs_service.webhooks.endpoints import DeliveryEndpoints, WebhookEndpoints
from jobs_service.webhooks.resolver import Resolver
from jobs_service.webhooks.sender import Sender
from jobs_service.webhooks.urls import UrlRules
from jobs_service.webhooks.use_cases import (
    ChangeWebhook,
    FindDelivery,
    FindWebhook,
    MakeWebhook,
    PruneDeliveries,
    RemoveWebhook,
    ReplayDelivery,
    RotateSecret,
    SendTest,
)
from shared.runtime.periodic import periodic
from shared.runtime.service import Component
from shared.security.box import Box

_SECONDS_BETWEEN_PRUNINGS = 3600.0


def build(base: Base) -> JobsFeature:
    """Webhooks, and the component that sends what waits for them."""
    database, clock, rules = base.database, base.clock, rules_of(base.settings)
    box, wake = Box(base.secret, "webhook-secrets"), asyncio.Event()
    resolver = Resolver()
    sender = Sender(rules, clock, httpx.create_ssl_context(), resolver)
    find = FindWebhook(database)
    return JobsFeature(
        endpoints=(
            WebhookEndpoints(
                database,
                base.cursors("webhooks"),
                find,
                MakeWebhook(database, box, rules, base.settings.webhooks_per_user, clock),
                ChangeWebhook(database, rules),
                RemoveWebhook(database),
            ),
            DeliveryEndpoints(
                database,
                base.cursors("webhook-deliveries"),
                find,
                FindDelivery(database),
                RotateSecret(database, box, clock),
                SendTest(database, clock, wake.set),
                ReplayDelivery(database, clock, wake.set),
            ),
        ),
        components=(
            Component("webhooks", Deliverer(database, box, sender, clock, wake).run),
            periodic("webhook-pruner", _SECONDS_BETWEEN_PRUNINGS, PruneDeliveries(database, clock)),
        ),
        close=(sender.close, resolver.close),
    )


def rules_of(settings: JobsSettings) -> UrlRules:
    """Where webhooks may be sent to here."""
    return UrlRules(
        secure=settings.environment == "production", private=settings.webhook_allow_private
    )
