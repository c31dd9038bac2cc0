"""Webhooks in the database, as their owners see them; what is sent is in `queue.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.sql import Select

from jobs_service.tables import webhook_deliveries, webhooks
from jobs_service.webhooks.domain import Delivery, DeliveryState, DisabledReason, Webhook
from shared.db.executor import Executor
from shared.security.principal import UserId

_PRUNED_AT_A_TIME = 5000

_WEBHOOK = tuple(webhooks.c[name] for name in Webhook.__struct_fields__)
_DELIVERY = tuple(webhook_deliveries.c[name] for name in Delivery.__struct_fields__)
_IS_MINE = webhooks.c.owner_id == bindparam("owner")
_IS_IT = (webhooks.c.id == bindparam("webhook"), _IS_MINE)

_ADD = insert(webhooks)
_COUNT = select(func.count().label("number")).select_from(webhooks).where(_IS_MINE)
_FIND = select(*_WEBHOOK).where(*_IS_IT)
_LOCK = _FIND.with_for_update(key_share=True)
"""Jobs that start or end meanwhile add deliveries all the same."""
_LIST = select(*_WEBHOOK).where(_IS_MINE).order_by(webhooks.c.id.desc()).limit(bindparam("most"))
_LIST_AFTER = _LIST.where(webhooks.c.id < bindparam("after"))
_DELETE = delete(webhooks).where(*_IS_IT)
_DELETE_OF_OWNER = delete(webhooks).where(_IS_MINE)

_newest = (webhook_deliveries.c.created_at, webhook_deliveries.c.id)
_DELIVERIES = (
    select(*_DELIVERY)
    .where(webhook_deliveries.c.webhook_id == bindparam("webhook"))
    .order_by(*(column.desc() for column in _newest))
    .limit(bindparam("most"))
)
_DELIVERIES_AFTER = _DELIVERIES.where(
    tuple_(*_newest) < tuple_(bindparam("after_time"), bindparam("after_id"))
)
_ADD_DELIVERY = insert(webhook_deliveries).returning(*_DELIVERY)
_is_delivery = (
    webhook_deliveries.c.webhook_id == bindparam("webhook"),
    webhook_deliveries.c.id == bindparam("delivery"),
)
_FIND_DELIVERY = select(*_DELIVERY).where(*_is_delivery)
_REPLAY = (
    update(webhook_deliveries)
    .where(*_is_delivery)
    .values(state=DeliveryState.PENDING, tries=0, due_at=bindparam("now"))
    .returning(*_DELIVERY)
)
_PRUNE = delete(webhook_deliveries).where(
    webhook_deliveries.c.id.in_(
        select(webhook_deliveries.c.id)
        .where(
            webhook_deliveries.c.created_at < bindparam("before"),
            webhook_deliveries.c.state != DeliveryState.PENDING,
        )
        .limit(_PRUNED_AT_A_TIME)
        .with_for_update(skip_locked=True)
    )
)


class Webhooks:
    """Everybody's webhooks, and what they are told."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, webhook: Webhook) -> None:
        """Add a webhook."""
        await self._executor.run(_ADD, _row_of(webhook))

    async def count(self, owner: UserId) -> int:
        """How many `owner` has."""
        row = await self._executor.one(_COUNT, {"owner": owner})
        return int(row.number) if row else 0

    async def find(self, owner: UserId, webhook: UUID) -> Webhook | None:
        """A webhook of `owner`."""
        row = await self._executor.one(_FIND, {"owner": owner, "webhook": webhook})
        return _webhook_of(row) if row else None

    async def lock(self, owner: UserId, webhook: UUID) -> Webhook | None:
        """The same, which nobody else changes until the transaction ends."""
        row = await self._executor.one(_LOCK, {"owner": owner, "webhook": webhook})
        return _webhook_of(row) if row else None

    async def list_of(self, owner: UserId, most: int, after: UUID | None) -> Sequence[Webhook]:
        """The webhooks of `owner`, newest first."""
        params: dict[str, Any] = {"owner": owner, "most": most}
        statement = _LIST
        if after is not None:
            statement, params["after"] = _LIST_AFTER, after
        return [_webhook_of(row) for row in await self._executor.all(statement, params)]

    async def change(self, webhook: Webhook, **changed: Any) -> Webhook:
        """Write what is changed, of a webhook that is locked; how it is then."""
        if changed:
            statement = update(webhooks).where(webhooks.c.id == webhook.id).values(**changed)
            await self._executor.run(statement)
        return msgspec.structs.replace(webhook, **changed)

    async def delete(self, owner: UserId, webhook: UUID) -> bool:
        """Remove a webhook with its deliveries; whether there was one."""
        return await self._executor.run(_DELETE, {"owner": owner, "webhook": webhook}) == 1

    async def delete_of(self, owner: UserId) -> None:
        """Remove all webhooks of `owner` with their deliveries."""
        await self._executor.run(_DELETE_OF_OWNER, {"owner": owner})

    async def deliveries_of(
        self, webhook: UUID, most: int, after: tuple[datetime, UUID] | None
    ) -> Sequence[Delivery]:
        """What the webhook was told, or is to be, newest first."""
        params: dict[str, Any] = {"webhook": webhook, "most": most}
        statement: Select[Any] = _DELIVERIES
        if after is not None:
            statement = _DELIVERIES_AFTER
            params |= {"after_time": after[0], "after_id": after[1]}
        return [_delivery_of(row) for row in await self._executor.all(statement, params)]

    async def add_delivery(self, webhook: UUID, event: str, data: str, now: datetime) -> Delivery:
        """Let something be sent to the webhook."""
        values = {"webhook_id": webhook, "event": event, "data": data, "due_at": now}
        row = await self._executor.one(_ADD_DELIVERY, {**values, "created_at": now})
        assert row is not None  # noqa: S101 - an INSERT that adds no row raises
        return _delivery_of(row)

    async def find_delivery(self, webhook: UUID, delivery: UUID) -> Delivery | None:
        """One of the webhook's deliveries."""
        params = {"webhook": webhook, "delivery": delivery}
        row = await self._executor.one(_FIND_DELIVERY, params)
        return _delivery_of(row) if row else None

    async def replay(self, webhook: UUID, delivery: UUID, now: datetime) -> Delivery | None:
        """Let a delivery be sent once more, now; None when there is none."""
        params = {"webhook": webhook, "delivery": delivery, "now": now}
        row = await self._executor.one(_REPLAY, params)
        return _delivery_of(row) if row else None

    async def prune(self, before: datetime) -> int:
        """Forget some deliveries that are older, and done with; how many."""
        return await self._executor.run(_PRUNE, {"before": before})


def _webhook_of(row: Row[Any]) -> Webhook:
    reason = row.disabled_reason and DisabledReason(row.disabled_reason)
    found = {**row._mapping, "events": tuple(row.events), "disabled_reason": reason}
    return Webhook(**found)


def _delivery_of(row: Row[Any]) -> Delivery:
    return Delivery(**{**row._mapping, "state": DeliveryState(row.state)})


def _row_of(webhook: Webhook) -> Mapping[str, Any]:
    return {**msgspec.structs.asdict(webhook), "events": list(webhook.events)}
