"""Webhooks on the wire: of our API, and what receivers are sent."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs_service.jobs.domain import JobStatus
from jobs_service.jobs.schemas import EXAMPLE_FINISHED_JOB, JobError
from jobs_service.webhooks.domain import (
    ENDS,
    EVENTS,
    Delivery,
    DeliveryState,
    DisabledReason,
    Webhook,
)
from jobs_service.webhooks.signing import shown
from jobs_service.webhooks.urls import LONGEST

Url = Annotated[
    str,
    Meta(
        max_length=LONGEST,
        description="Where to send events by POST: https, a public host, one of the ports 80, 443, "
        "8080 and 8443, no user or password.",
    ),
]
Events = Annotated[
    tuple[str, ...],
    Meta(
        min_length=1,
        max_length=20,
        description="What to be told.",
        extra_json_schema={"items": {"type": "string", "enum": list(EVENTS)}},
    ),
]
Description = Annotated[str, Meta(max_length=200, description="A note for its owner.")]


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to tell what becomes of the caller's jobs; without `events`, how they end."""

    url: Url
    events: Events = ENDS
    description: Description = ""


class WebhookChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed; what is left out stays. Who enables it forgets why it was disabled."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class WebhookView(msgspec.Struct, frozen=True):
    """A webhook without its secret.

    `disabled_reason` says why it was disabled for its owner: `gone` (its receiver answered 410), or
    `failing` (every attempt has failed for five days). `failing_since` is the first failure since
    the last success. Until `old_secret_until` the secret before the last rotation signs as well.
    """

    id: UUID
    url: str
    events: tuple[str, ...]
    description: str
    enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    old_secret_until: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        """The view of `webhook`."""
        return msgspec.convert(webhook, cls, from_attributes=True)


class MadeWebhook(msgspec.Struct, frozen=True):
    """A webhook with its new secret, which is told here and nowhere else."""

    secret: str
    webhook: WebhookView


class DeliveryView(msgspec.Struct, frozen=True):
    """One event for one webhook, and what came of the last attempt to send it.

    `id` is the `webhook-id` that receivers see. `next_attempt_at` is null once it is `delivered` or
    `failed`; while it is being sent, it is when it would be sent again if that came to nothing.
    """

    id: UUID
    event: str
    state: DeliveryState
    attempts: int
    status_code: int | None
    error: str | None
    duration_ms: int | None
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    data: dict[str, Any]

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """The view of `delivery`."""
        return cls(
            id=delivery.id,
            event=delivery.event,
            state=delivery.state,
            attempts=delivery.attempts,
            status_code=delivery.status_code,
            error=delivery.error,
            duration_ms=delivery.duration_ms,
            created_at=delivery.created_at,
            last_attempt_at=delivery.attempted_at,
            next_attempt_at=delivery.due_at if delivery.state is DeliveryState.PENDING else None,
            data=msgspec.json.decode(delivery.data),
        )


class Message(msgspec.Struct, frozen=True):
    """What receivers are sent; `timestamp` is when it happened."""

    type: str
    timestamp: datetime
    data: msgspec.Raw


class JobData(msgspec.Struct, frozen=True):
    """`data` of events about jobs, as the trigger writes it (migration 0006): the job as it stood,
    without its request and result. A public contract: fields are only ever added."""

    id: UUID
    type: str
    video_id: UUID | None
    language: str | None
    status: JobStatus
    credits: int
    spent: int | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    retry_of: UUID | None
    revision: int


EXAMPLE_NEW = NewWebhook("https://app.example/hooks", ENDS, "our production")
EXAMPLE_CHANGES = WebhookChanges(enabled=True)
EXAMPLE_WEBHOOK = WebhookView(
    id=UUID("0199c0de-8c10-7a44-9d2e-3f4a5b6c7d8e"),
    url=EXAMPLE_NEW.url,
    events=EXAMPLE_NEW.events,
    description=EXAMPLE_NEW.description,
    enabled=True,
    disabled_reason=None,
    failing_since=None,
    old_secret_until=None,
    created_at=datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC),
)
EXAMPLE_MADE = MadeWebhook(shown(bytes(range(32))), EXAMPLE_WEBHOOK)
EXAMPLE_ROTATED = MadeWebhook(
    EXAMPLE_MADE.secret,
    msgspec.structs.replace(
        EXAMPLE_WEBHOOK, old_secret_until=datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC)
    ),
)
EXAMPLE_DELIVERY = DeliveryView(
    id=UUID("3f0c7a52-5a0e-4c39-8f0b-6a5d2f1e9c77"),
    event="jobs.job.succeeded",
    state=DeliveryState.DELIVERED,
    attempts=1,
    status_code=200,
    error=None,
    duration_ms=48,
    created_at=datetime(2026, 1, 2, 3, 4, 17, tzinfo=UTC),
    last_attempt_at=datetime(2026, 1, 2, 3, 4, 17, 400_000, tzinfo=UTC),
    next_attempt_at=None,
    data=msgspec.to_builtins(
        JobData(
            id=EXAMPLE_FINISHED_JOB.id,
            type=EXAMPLE_FINISHED_JOB.type,
            video_id=EXAMPLE_FINISHED_JOB.video_id,
            language=EXAMPLE_FINISHED_JOB.language,
            status=EXAMPLE_FINISHED_JOB.status,
            credits=EXAMPLE_FINISHED_JOB.credits,
            spent=EXAMPLE_FINISHED_JOB.spent,
            attempt=EXAMPLE_FINISHED_JOB.attempt,
            created_at=EXAMPLE_FINISHED_JOB.created_at,
            started_at=EXAMPLE_FINISHED_JOB.started_at,
            finished_at=EXAMPLE_FINISHED_JOB.finished_at,
            error=None,
            retry_of=None,
            revision=3,
        )
    ),
)
EXAMPLE_WAITING = msgspec.structs.replace(
    EXAMPLE_DELIVERY,
    state=DeliveryState.PENDING,
    next_attempt_at=datetime(2026, 1, 2, 3, 4, 18, tzinfo=UTC),
)
EXAMPLE_TEST = msgspec.structs.replace(
    EXAMPLE_WAITING,
    event="webhook.test",
    attempts=0,
    status_code=None,
    duration_ms=None,
    last_attempt_at=None,
    data={"webhook_id": str(EXAMPLE_WEBHOOK.id)},
)
