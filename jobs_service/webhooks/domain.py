"""Webhooks: where users want to be told what becomes of their jobs, and how often that is tried.

    pending ──▶ delivered        a receiver answered with 2xx
       └──────▶ failed           every attempt of the schedule failed, or there is nobody to tell

A delivery is made in the transaction that starts or ends its job, by a trigger, and sent at least
once: its id is the same in every attempt, so that receivers can tell. A replay begins anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from shared.errors import Conflict, NotFound
from shared.security.principal import UserId

ENDS = ("jobs.job.succeeded", "jobs.job.failed", "jobs.job.cancelled")
EVENTS = ("jobs.job.started", *ENDS)
"""What can be asked for."""
TEST_EVENT = "webhook.test"

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After which attempt how long until the next; the last of ten comes after some three days."""
ATTEMPTS = 1 + len(SCHEDULE)
LONGEST_WAIT = timedelta(hours=24)
"""However much later a receiver wants to be asked again."""
JITTER = 0.2
PATIENCE = timedelta(days=5)
"""How long every attempt at an endpoint may fail before it is disabled."""
OLD_SECRET_LASTS = timedelta(hours=24)
KEPT_FOR = timedelta(days=30)
_GONE = 410
_ASK_LATER = (429, 503)


class WebhookNotFound(NotFound):
    """The caller has no webhook of that id."""

    code, title = "webhook_not_found", "There is no such webhook"


class DeliveryNotFound(NotFound):
    """The webhook has no delivery of that id, or has it no more."""

    code, title = "webhook_delivery_not_found", "There is no such delivery"


class WebhookDisabled(Conflict):
    """Nothing is sent to a webhook that is disabled."""

    code, title = "webhook_disabled", "The webhook is disabled"


class TooManyWebhooks(Conflict):
    """The caller has as many webhooks as one may have."""

    code, title = "too_many_webhooks", "You have too many webhooks; remove one that is not used"


class DisabledReason(StrEnum):
    """Why we, and not its owner, disabled a webhook."""

    GONE = "gone"
    FAILING = "failing"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(msgspec.Struct, frozen=True):
    """An endpoint of a user's; `secret` and `old_secret` are sealed."""

    id: UUID
    owner_id: UserId
    url: str
    events: tuple[str, ...]
    description: str
    enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    secret: bytes
    old_secret: bytes | None
    old_secret_until: datetime | None
    created_at: datetime


class Delivery(msgspec.Struct, frozen=True):
    """One event for one webhook; `data` is JSON, `due_at` the next attempt of one that waits."""

    id: UUID
    webhook_id: UUID
    event: str
    data: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    attempted_at: datetime | None
    status_code: int | None
    error: str | None
    duration_ms: int | None
    created_at: datetime


class Outcome(NamedTuple):
    """What came of an attempt: the status that was answered, or else why there is none."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    """Seconds, where the receiver has said so."""


class Verdict(NamedTuple):
    """What becomes of a delivery: again at that time, while it is pending."""

    state: DeliveryState
    again_at: datetime | None = None


def fault_of_events(wanted: Iterable[str]) -> str | None:
    """What is wrong with them, as the end of a sentence that names what there is."""
    if unknown := sorted(set(wanted) - set(EVENTS)):
        return f"cannot hold {', '.join(unknown)}; you may choose among {', '.join(EVENTS)}"
    return None


def each_once(wanted: Iterable[str]) -> tuple[str, ...]:
    """The events in our order, however often they are asked for."""
    asked = set(wanted)
    return tuple(one for one in EVENTS if one in asked)


def is_delivered(outcome: Outcome) -> bool:
    """Whether the receiver has taken it: with any 2xx."""
    return outcome.status is not None and 200 <= outcome.status < 300


def is_gone(outcome: Outcome) -> bool:
    """Whether the receiver wants to be told nothing any more."""
    return outcome.status == _GONE


def judge(outcome: Outcome, tries: int, now: datetime, chance: float) -> Verdict:
    """What becomes of a delivery after its attempt number `tries`; `chance`, from 0 to 1, spreads
    those that failed together."""
    if is_delivered(outcome):
        return Verdict(DeliveryState.DELIVERED)
    if is_gone(outcome) or tries >= ATTEMPTS:
        return Verdict(DeliveryState.FAILED)
    wait = SCHEDULE[tries - 1] * (1 + JITTER * chance)
    if outcome.status in _ASK_LATER and outcome.retry_after is not None:
        asked = min(outcome.retry_after, LONGEST_WAIT.total_seconds())
        wait = max(wait, timedelta(seconds=asked))
    return Verdict(DeliveryState.PENDING, now + wait)
