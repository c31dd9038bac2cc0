"""What can be done with webhooks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from jobs_service.idempotency.use_cases import Once
from jobs_service.webhooks.domain import (
    KEPT_FOR,
    OLD_SECRET_LASTS,
    TEST_EVENT,
    Delivery,
    DeliveryNotFound,
    TooManyWebhooks,
    Webhook,
    WebhookDisabled,
    WebhookNotFound,
    each_once,
    fault_of_events,
)
from jobs_service.webhooks.repository import Webhooks
from jobs_service.webhooks.schemas import NewWebhook, WebhookChanges
from jobs_service.webhooks.signing import new_secret
from jobs_service.webhooks.urls import UrlRules
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.security.box import Box
from shared.security.principal import UserId


class Made(msgspec.Struct, frozen=True):
    """What is remembered of an answered request: no secret, only what it has made."""

    id: UUID


@dataclass(frozen=True, slots=True)
class FindWebhook:
    """One webhook of its owner."""

    database: Database

    async def __call__(self, owner: UserId, webhook_id: UUID) -> Webhook:
        """Raises WebhookNotFound."""
        return _found(await Webhooks(self.database).find(owner, webhook_id), webhook_id)


@dataclass(frozen=True, slots=True)
class FindDelivery:
    """One delivery to a webhook of its owner."""

    database: Database

    async def __call__(self, owner: UserId, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Raises WebhookNotFound, DeliveryNotFound."""
        webhooks = Webhooks(self.database)
        webhook = _found(await webhooks.find(owner, webhook_id), webhook_id)
        return _kept(await webhooks.find_delivery(webhook.id, delivery_id), delivery_id)


@dataclass(frozen=True, slots=True)
class MakeWebhook:
    """Let the owner's jobs be told of at a URL; each may have `most` webhooks."""

    database: Database
    box: Box
    rules: UrlRules
    most: int
    clock: Clock

    async def __call__(
        self, owner: UserId, wanted: NewWebhook, key: str | None
    ) -> tuple[Webhook, bytes]:
        """The webhook and its secret; raises Invalid, TooManyWebhooks, and what `Once` raises."""
        _check(self.rules, wanted.url, wanted.events, wanted.description)
        async with self.database.transaction() as tx:
            # alone: two at once could both be the last that is allowed
            owner = await Aliases(tx).owner(owner, alone=True)
            once = Once(owner, key, ("webhook", wanted), Made)
            if known := await once.begin(tx):
                webhook = _found(await Webhooks(tx).find(owner, known.id), known.id)
                return webhook, self.box.open(webhook.secret, webhook.id.bytes)
            if await Webhooks(tx).count(owner) >= self.most:
                raise TooManyWebhooks(f"There may be {self.most}.")
            secret = new_secret()
            webhook = self._new(owner, wanted, secret)
            await Webhooks(tx).add(webhook)
            await once.end(tx, Made(webhook.id))
        return webhook, secret

    def _new(self, owner: UserId, wanted: NewWebhook, secret: bytes) -> Webhook:
        webhook_id = uuid7()
        return Webhook(
            id=webhook_id,
            owner_id=owner,
            url=wanted.url,
            events=each_once(wanted.events),
            description=wanted.description,
            enabled=True,
            disabled_reason=None,
            failing_since=None,
            secret=self.box.close(secret, webhook_id.bytes),
            old_secret=None,
            old_secret_until=None,
            created_at=self.clock.now(),
        )


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """Change where and what is told, or whether anything is."""

    database: Database
    rules: UrlRules

    async def __call__(self, owner: UserId, webhook_id: UUID, wanted: WebhookChanges) -> Webhook:
        """How it is then; raises Invalid, WebhookNotFound."""
        changed = {
            name: value
            for name, value in msgspec.structs.asdict(wanted).items()
            if value is not UNSET
        }
        _check(self.rules, wanted.url, wanted.events, wanted.description)
        if wanted.events is not UNSET:
            changed["events"] = each_once(wanted.events)
        async with self.database.transaction() as tx:
            webhook = _found(await Webhooks(tx).lock(owner, webhook_id), webhook_id)
            if wanted.enabled is True and not webhook.enabled:
                changed |= {"disabled_reason": None, "failing_since": None}
            return await Webhooks(tx).change(webhook, **changed)


@dataclass(frozen=True, slots=True)
class RemoveWebhook:
    """Tell nothing any more, and forget what was told."""

    database: Database

    async def __call__(self, owner: UserId, webhook_id: UUID) -> None:
        """Raises WebhookNotFound."""
        if not await Webhooks(self.database).delete(owner, webhook_id):
            _found(None, webhook_id)


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Sign with a new secret; the one before signs too for a day, so that receivers can follow."""

    database: Database
    box: Box
    clock: Clock

    async def __call__(
        self, owner: UserId, webhook_id: UUID, key: str | None
    ) -> tuple[Webhook, bytes]:
        """The webhook and its new secret; raises WebhookNotFound, and what `Once` raises."""
        async with self.database.transaction() as tx:
            once = Once(owner, key, ("rotate-secret", webhook_id), Made)
            known = await once.begin(tx)
            webhook = _found(await Webhooks(tx).lock(owner, webhook_id), webhook_id)
            if known is not None:
                return webhook, self.box.open(webhook.secret, webhook.id.bytes)
            secret = new_secret()
            rotated = await Webhooks(tx).change(
                webhook,
                secret=self.box.close(secret, webhook.id.bytes),
                old_secret=webhook.secret,
                old_secret_until=self.clock.now() + OLD_SECRET_LASTS,
            )
            await once.end(tx, Made(webhook.id))
        return rotated, secret


@dataclass(frozen=True, slots=True)
class SendTest:
    """Send an event that says nothing; `wake` tells who sends."""

    database: Database
    clock: Clock
    wake: Callable[[], None]

    async def __call__(self, owner: UserId, webhook_id: UUID, key: str | None) -> Delivery:
        """The delivery, which waits; raises WebhookNotFound, WebhookDisabled, and what `Once`
        raises."""
        async with self.database.transaction() as tx:
            once = Once(owner, key, ("test-webhook", webhook_id), Made)
            known = await once.begin(tx)
            webhook = await _enabled(tx, owner, webhook_id)
            if known is not None:
                return _kept(await Webhooks(tx).find_delivery(webhook.id, known.id), known.id)
            data: dict[str, Any] = {"webhook_id": webhook.id}
            delivery = await Webhooks(tx).add_delivery(
                webhook.id, TEST_EVENT, msgspec.json.encode(data).decode(), self.clock.now()
            )
            await once.end(tx, Made(delivery.id))
            tx.once_committed(self.wake)
        return delivery


@dataclass(frozen=True, slots=True)
class ReplayDelivery:
    """Send a delivery once more, whatever came of it; it is tried anew as often as a first time."""

    database: Database
    clock: Clock
    wake: Callable[[], None]

    async def __call__(self, owner: UserId, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """The delivery, which waits; raises WebhookNotFound, WebhookDisabled, DeliveryNotFound."""
        async with self.database.transaction() as tx:
            webhook = await _enabled(tx, owner, webhook_id)
            replayed = await Webhooks(tx).replay(webhook.id, delivery_id, self.clock.now())
            tx.once_committed(self.wake)
        return _kept(replayed, delivery_id)


@dataclass(frozen=True, slots=True)
class PruneDeliveries:
    """Forget what was told long ago."""

    database: Database
    clock: Clock

    async def __call__(self) -> None:
        """In small steps, which hold up nobody."""
        while await Webhooks(self.database).prune(self.clock.now() - KEPT_FOR):
            pass


async def erase_webhooks(tx: Transaction, owner: UserId) -> None:
    """Remove the webhooks of somebody who is no more, after their jobs: these lock webhooks too."""
    await Webhooks(tx).delete_of(owner)


async def _enabled(tx: Transaction, owner: UserId, webhook_id: UUID) -> Webhook:
    webhook = _found(await Webhooks(tx).lock(owner, webhook_id), webhook_id)
    if not webhook.enabled:
        raise WebhookDisabled("Enable it first: PATCH it with enabled true.")
    return webhook


def _found(webhook: Webhook | None, webhook_id: UUID) -> Webhook:
    if webhook is None:
        raise WebhookNotFound(f"No webhook of yours has the id {webhook_id}.")
    return webhook


def _kept(delivery: Delivery | None, delivery_id: UUID) -> Delivery:
    if delivery is None:
        raise DeliveryNotFound(
            f"The webhook has no delivery {delivery_id}; they are kept for {KEPT_FOR.days} days."
        )
    return delivery


def _check(
    rules: UrlRules,
    url: str | UnsetType,
    events: tuple[str, ...] | UnsetType,
    description: str | UnsetType,
) -> None:
    errors = []
    if url is not UNSET and (fault := rules.fault_of(url)):
        errors.append(FieldError("url", fault))
    if events is not UNSET and (fault := fault_of_events(events)):
        errors.append(FieldError("events", fault))
    if description is not UNSET and not description.isprintable():
        errors.append(FieldError("description", "cannot hold line breaks or control characters"))
    if errors:
        raise Invalid(errors=tuple(errors))
