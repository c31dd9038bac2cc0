"""What users do with exports, and what becomes of them in the end."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from uuid import UUID

from auth_service.accounts.domain import AccountGone
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.exports.domain import (
    MOST_A_DAY,
    REMEMBERED_FOR,
    Export,
    ExportGone,
    ExportNotFound,
    ExportUnderWay,
    TooManyExports,
)
from auth_service.exports.repository import BATCH, Exports
from auth_service.removals.repository import Removals
from shared.clock import Clock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import UserId
from shared.storage.storage import NoSuchObject, Storage

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AskForExport:
    """Queue an export; raises `ExportUnderWay` and `TooManyExports`."""

    database: Database
    clock: Clock

    async def __call__(self, user: UserId, device: Device) -> Export:
        """The queued export."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            if not await Exports(tx).lock_owner(user):
                raise AccountGone
            count, first = await Exports(tx).since(user, now - _A_DAY)
            export = await Exports(tx).add(uuid7(), user, now)
            if export is None:
                raise ExportUnderWay("Wait for it, or read it at GET /api/users/exports.")
            if first is not None and count >= MOST_A_DAY:
                seconds = ceil((first + _A_DAY - now).total_seconds())
                raise TooManyExports(
                    f"You may ask for {MOST_A_DAY} exports within 24 hours.",
                    headers={"retry-after": str(max(seconds, 1))},
                )
            await AuditLog(tx).add(Action.EXPORT_ASKED, now, device, subject=user)
        return export


@dataclass(frozen=True, slots=True)
class FindExport:
    """One export of its owner."""

    database: Database

    async def __call__(self, user: UserId, export_id: UUID) -> Export:
        """Raises `ExportNotFound`."""
        export = await Exports(self.database).find(user, export_id)
        if export is None:
            raise ExportNotFound(f"No export of yours has the id {export_id}.")
        return export


@dataclass(frozen=True, slots=True)
class OpenArchive:
    """Let an owner have their archive."""

    database: Database
    storage: Storage
    find: FindExport
    clock: Clock

    async def __call__(self, user: UserId, export_id: UUID) -> Export:
        """The export, whose archive `read` gives; raises `ExportNotFound`, `ExportNotReady` and
        `ExportGone`."""
        export = await self.find(user, export_id)
        export.require_archive()
        return export

    async def note(self, user: UserId, device: Device) -> None:
        """Remember that the archive is being fetched."""
        now = self.clock.now()
        await AuditLog(self.database).add(Action.EXPORT_DOWNLOADED, now, device, subject=user)

    async def read(self, export: Export, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The archive's bytes from `start` to before `end`; raises `ExportGone`."""
        try:
            async for block in self.storage.read(export.key, start, end):
                yield block
        except NoSuchObject:  # its time ended while it was asked for
            raise ExportGone from None


@dataclass(frozen=True, slots=True)
class ExpireExports:
    """End what was kept for long enough; any number of processes do it at a time."""

    database: Database
    clock: Clock

    async def __call__(self) -> int:
        """How many ended; the notes about their archives are due."""
        ended, found, now = 0, BATCH, self.clock.now()
        while found == BATCH:
            async with self.database.transaction() as tx:
                exports = await Exports(tx).expire_due(now)
                await Removals(tx).note([one.key for one in exports], now)
            found = len(exports)
            ended += found
        await Exports(self.database).forget(now - REMEMBERED_FOR)
        return ended
