"""HTTP: webhooks of the caller, their secrets, and what they are told."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.header import IdempotencyKey
from jobs_service.webhooks.domain import (
    DeliveryNotFound,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
)
from jobs_service.webhooks.repository import Webhooks
from jobs_service.webhooks.schemas import (
    EXAMPLE_CHANGES,
    EXAMPLE_DELIVERY,
    EXAMPLE_MADE,
    EXAMPLE_NEW,
    EXAMPLE_ROTATED,
    EXAMPLE_TEST,
    EXAMPLE_WAITING,
    EXAMPLE_WEBHOOK,
    DeliveryView,
    MadeWebhook,
    NewWebhook,
    WebhookChanges,
    WebhookView,
)
from jobs_service.webhooks.signing import shown
from jobs_service.webhooks.use_cases import (
    ChangeWebhook,
    FindDelivery,
    FindWebhook,
    MakeWebhook,
    RemoveWebhook,
    ReplayDelivery,
    RotateSecret,
    SendTest,
)
from shared.db.aliases import OwnerErased
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class WebhookEndpoints:
    """The caller's webhooks."""

    database: Database
    cursors: Cursors
    find: FindWebhook
    make: MakeWebhook
    change: ChangeWebhook
    remove: RemoveWebhook

    @endpoint(
        "POST",
        "/api/webhooks",
        status=201,
        summary="Be told by HTTP what becomes of one's jobs",
        description="The only answer that tells the secret, which signs what is sent (Standard "
        "Webhooks).",
        tag="webhooks",
        body_example=EXAMPLE_NEW,
        example=EXAMPLE_MADE,
        errors=(TooManyWebhooks, KeyReused, RequestInProgress, OwnerErased),
        scope="webhooks:write",
        guests=False,
    )
    async def create(
        self, body: NewWebhook, caller: Principal, idempotency_key: IdempotencyKey
    ) -> MadeWebhook:
        """Make a webhook with a secret."""
        webhook, secret = await self.make(caller.id, body, idempotency_key)
        return MadeWebhook(shown(secret), WebhookView.of(webhook))

    @endpoint(
        "GET",
        "/api/webhooks",
        summary="The caller's webhooks, newest first",
        tag="webhooks",
        example=Page([EXAMPLE_WEBHOOK], next_cursor=None),
        scope="webhooks:read",
        guests=False,
    )
    async def list_webhooks(self, query: PageQuery, caller: Principal) -> Page[WebhookView]:
        """A page of webhooks."""
        after = self.cursors.after_id(query)
        found = await Webhooks(self.database).list_of(caller.id, query.limit + 1, after)
        return self.cursors.page(
            [WebhookView.of(one) for one in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "GET",
        "/api/webhooks/{webhook_id}",
        summary="One webhook",
        tag="webhooks",
        example=EXAMPLE_WEBHOOK,
        errors=(WebhookNotFound,),
        scope="webhooks:read",
        guests=False,
    )
    async def read(self, webhook_id: UUID, caller: Principal) -> WebhookView:
        """The webhook as it stands."""
        return WebhookView.of(await self.find(caller.id, webhook_id))

    @endpoint(
        "PATCH",
        "/api/webhooks/{webhook_id}",
        summary="Change a webhook, disable or enable it",
        tag="webhooks",
        body_example=EXAMPLE_CHANGES,
        example=EXAMPLE_WEBHOOK,
        errors=(WebhookNotFound,),
        scope="webhooks:write",
        guests=False,
    )
    async def update(
        self, webhook_id: UUID, body: WebhookChanges, caller: Principal
    ) -> WebhookView:
        """Write what is given."""
        return WebhookView.of(await self.change(caller.id, webhook_id, body))

    @endpoint(
        "DELETE",
        "/api/webhooks/{webhook_id}",
        status=204,
        summary="Remove a webhook and its deliveries",
        tag="webhooks",
        errors=(WebhookNotFound,),
        scope="webhooks:write",
        guests=False,
    )
    async def delete(self, webhook_id: UUID, caller: Principal) -> None:
        """Tell nothing any more."""
        await self.remove(caller.id, webhook_id)


@dataclass(frozen=True, slots=True)
class DeliveryEndpoints:
    """What is sent to the caller's webhooks, and what signs it."""

    database: Database
    cursors: Cursors
    find: FindWebhook
    find_delivery: FindDelivery
    rotate: RotateSecret
    send_test: SendTest
    replay_delivery: ReplayDelivery

    @endpoint(
        "POST",
        "/api/webhooks/{webhook_id}/rotate-secret",
        summary="Sign with a new secret",
        description="The secret before signs as well for 24 hours; rotate twice to retire it now.",
        tag="webhooks",
        example=EXAMPLE_ROTATED,
        errors=(WebhookNotFound, KeyReused, RequestInProgress),
        scope="webhooks:write",
        guests=False,
    )
    async def rotate_secret(
        self, webhook_id: UUID, caller: Principal, idempotency_key: IdempotencyKey
    ) -> MadeWebhook:
        """Make another secret."""
        webhook, secret = await self.rotate(caller.id, webhook_id, idempotency_key)
        return MadeWebhook(shown(secret), WebhookView.of(webhook))

    @endpoint(
        "POST",
        "/api/webhooks/{webhook_id}/test",
        status=202,
        summary="Send a test event",
        description="An event `webhook.test`; its delivery tells what came of it.",
        tag="webhooks",
        example=EXAMPLE_TEST,
        errors=(WebhookNotFound, WebhookDisabled, KeyReused, RequestInProgress),
        scope="webhooks:write",
        guests=False,
    )
    async def test(
        self, webhook_id: UUID, caller: Principal, idempotency_key: IdempotencyKey
    ) -> DeliveryView:
        """Let it be sent now."""
        return DeliveryView.of(await self.send_test(caller.id, webhook_id, idempotency_key))

    @endpoint(
        "GET",
        "/api/webhooks/{webhook_id}/deliveries",
        summary="What a webhook was told, newest first",
        description="Of the last 30 days.",
        tag="webhooks",
        example=Page([EXAMPLE_DELIVERY], next_cursor=None),
        errors=(WebhookNotFound,),
        scope="webhooks:read",
        guests=False,
    )
    async def list_deliveries(
        self, webhook_id: UUID, query: PageQuery, caller: Principal
    ) -> Page[DeliveryView]:
        """A page of deliveries."""
        webhook = await self.find(caller.id, webhook_id)
        after = self.cursors.decode(query.cursor, tuple[datetime, UUID]) if query.cursor else None
        found = await Webhooks(self.database).deliveries_of(webhook.id, query.limit + 1, after)
        return self.cursors.page(
            [DeliveryView.of(one) for one in found],
            query.limit,
            lambda last: (last.created_at, last.id),
        )

    @endpoint(
        "GET",
        "/api/webhooks/{webhook_id}/deliveries/{delivery_id}",
        summary="One delivery",
        tag="webhooks",
        example=EXAMPLE_DELIVERY,
        errors=(WebhookNotFound, DeliveryNotFound),
        scope="webhooks:read",
        guests=False,
    )
    async def read_delivery(
        self, webhook_id: UUID, delivery_id: UUID, caller: Principal
    ) -> DeliveryView:
        """What came of it so far."""
        return DeliveryView.of(await self.find_delivery(caller.id, webhook_id, delivery_id))

    @endpoint(
        "POST",
        "/api/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        status=202,
        summary="Send a delivery once more",
        description="With the same `webhook-id`, and tried anew as often as the first time.",
        tag="webhooks",
        example=EXAMPLE_WAITING,
        errors=(WebhookNotFound, DeliveryNotFound, WebhookDisabled),
        scope="webhooks:write",
        guests=False,
    )
    async def replay(self, webhook_id: UUID, delivery_id: UUID, caller: Principal) -> DeliveryView:
        """Let it be sent now."""
        return DeliveryView.of(await self.replay_delivery(caller.id, webhook_id, delivery_id))
