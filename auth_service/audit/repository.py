"""The audit log in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from auth_service.audit.domain import Action
from auth_service.device import Device
from auth_service.tables import audit
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import UserId

_ADD = insert(audit)


class AuditLog:
    """Append-only."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(
        self,
        action: Action,
        now: datetime,
        device: Device,
        *,
        subject: UserId | None,
        actor: UserId | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Note what happened to `subject`, by themselves unless another `actor` is given.

        `details` must hold nothing that is secret or names a person: no address, no handle.
        """
        row = {
            "id": uuid7(),
            "at": now,
            "action": action,
            "actor_id": actor or subject,
            "subject_id": subject,
            "address": device.address,
            "user_agent": device.user_agent,
            "details": details or {},
        }
        await self._executor.run(_ADD, row)
