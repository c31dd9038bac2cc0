"""The deliveries that wait, as those see them who send: claim, settle, and what an endpoint's
failures come to."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, text, update

from jobs_service.tables import webhook_deliveries, webhooks
from jobs_service.webhooks.domain import PATIENCE, DisabledReason, Outcome, Verdict
from shared.db.executor import Executor

PER_WEBHOOK = 4
"""Deliveries that one process sends to one webhook at a time."""

# The recursive part walks the index from webhook to webhook, so that the cost grows with the number
# of webhooks that something waits for, not with what waits; and none of them is served before the
# others because more waits for it.
_CLAIM = text(
    f"""
WITH RECURSIVE waited_for AS (
    (SELECT webhook_id FROM webhook_deliveries
     WHERE state = 'pending' ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT later.webhook_id FROM webhook_deliveries later
            WHERE later.state = 'pending' AND later.webhook_id > waited_for.webhook_id
            ORDER BY later.webhook_id LIMIT 1)
    FROM waited_for WHERE waited_for.webhook_id IS NOT NULL
), due AS (
    SELECT oldest.id FROM waited_for
    CROSS JOIN LATERAL (
        SELECT one.id, one.due_at FROM webhook_deliveries one
        WHERE one.state = 'pending' AND one.webhook_id = waited_for.webhook_id
          AND one.due_at <= :now
        ORDER BY one.due_at LIMIT {PER_WEBHOOK}
        FOR UPDATE SKIP LOCKED
    ) oldest
    WHERE waited_for.webhook_id <> ALL (CAST(:busy AS uuid[]))
    ORDER BY oldest.due_at LIMIT :most
)
UPDATE webhook_deliveries claimed
SET due_at = :lease_until, attempts = attempts + 1, tries = tries + 1, attempted_at = :now
FROM due, webhooks
WHERE claimed.id = due.id AND webhooks.id = claimed.webhook_id
RETURNING claimed.id, claimed.webhook_id, claimed.event, claimed.data, claimed.created_at,
    claimed.attempts, claimed.tries, webhooks.url, webhooks.enabled, webhooks.secret,
    webhooks.old_secret, webhooks.old_secret_until, webhooks.failing_since
"""  # noqa: S608 - a number of ours
)
# Whoever has claimed it since, after the end of our lease, decides on it.
_SETTLE = (
    update(webhook_deliveries)
    .where(
        webhook_deliveries.c.id == bindparam("delivery"),
        webhook_deliveries.c.attempts == bindparam("attempt"),
    )
    .values(
        state=bindparam("new_state"),
        due_at=func.coalesce(bindparam("again_at"), webhook_deliveries.c.due_at),
        status_code=bindparam("answered"),
        error=bindparam("fault"),
        duration_ms=bindparam("took"),
    )
)
_WORKS = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("webhook"), webhooks.c.failing_since.is_not(None))
    .values(failing_since=None)
)
_too_long = webhooks.c.failing_since <= bindparam("patient_since")
_FAILS = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("webhook"), webhooks.c.enabled)
    .values(
        failing_since=func.coalesce(webhooks.c.failing_since, bindparam("now")),
        enabled=case((_too_long, False), else_=True),
        disabled_reason=case((_too_long, DisabledReason.FAILING), else_=None),
    )
    .returning(webhooks.c.enabled)
)
_DISABLE = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("webhook"), webhooks.c.enabled)
    .values(enabled=False, disabled_reason=DisabledReason.GONE)
)


class Claimed(NamedTuple):
    """A delivery that is ours until the lease ends, and what is known of its webhook."""

    id: UUID
    webhook_id: UUID
    event: str
    data: str
    created_at: datetime
    attempts: int
    tries: int
    url: str
    enabled: bool
    secret: bytes
    old_secret: bytes | None
    old_secret_until: datetime | None
    failing_since: datetime | None


class DeliveryQueue:
    """What waits to be sent."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def claim(
        self, now: datetime, lease_until: datetime, busy: Collection[UUID], most: int
    ) -> Sequence[Claimed]:
        """Some that are due, but for the webhooks `busy`, which nobody else claims meanwhile."""
        params = {"now": now, "lease_until": lease_until, "busy": list(busy), "most": most}
        return [Claimed._make(row) for row in await self._executor.all(_CLAIM, params)]

    async def settle(
        self, claimed: Claimed, verdict: Verdict, outcome: Outcome, milliseconds: int
    ) -> None:
        """Write what came of an attempt."""
        params = {
            "delivery": claimed.id,
            "attempt": claimed.attempts,
            "new_state": verdict.state,
            "again_at": verdict.again_at,
            "answered": outcome.status,
            "fault": outcome.error,
            "took": milliseconds,
        }
        await self._executor.run(_SETTLE, params)

    async def webhook_works(self, webhook: UUID) -> None:
        """A delivery has succeeded: what failed before is forgotten."""
        await self._executor.run(_WORKS, {"webhook": webhook})

    async def webhook_fails(self, webhook: UUID, now: datetime) -> bool:
        """An attempt has failed; whether the webhook is disabled by it, as all did for too long."""
        params = {"webhook": webhook, "now": now, "patient_since": now - PATIENCE}
        row = await self._executor.one(_FAILS, params)
        return row is not None and not row.enabled

    async def disable(self, webhook: UUID) -> None:
        """The receiver is gone."""
        await self._executor.run(_DISABLE, {"webhook": webhook})
