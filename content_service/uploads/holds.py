"""The right to write to an upload: a lease in its row, renewed for as long as the process lives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from content_service.uploads.domain import LEASE, Upload, UploadLocked
from content_service.uploads.repository import Uploads
from content_service.videos.domain import VideoId
from shared.clock import Clock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.ids import uuid7
from shared.observability.logging import get_logger

log = get_logger(__name__)

PATIENCE_SECONDS = 1.0
"""How long it takes at most until a writer whose client has left has written down where it is."""
_PAUSE_SECONDS = 0.05
_RENEW_SECONDS = LEASE.total_seconds() / 3


class HoldLost(Exception):  # noqa: N818 - reads as what it is
    """Somebody else holds the upload, or it is gone."""


@dataclass(slots=True)
class Hold:
    """Lets its holder write to `upload`, which is up to date, until it is lost."""

    database: Database
    upload: Upload
    writer: UUID
    is_lost: bool = False
    rest_until: datetime | None = None
    """Until when nobody else needs to try to finish the upload."""

    def require(self) -> None:
        """Raise `HoldLost` when the upload is no longer ours."""
        if self.is_lost:
            raise HoldLost

    async def advance(self, upload: Upload) -> None:
        """Write how far the upload is; raises `HoldLost`."""
        if not await Uploads(self.database).advance(upload, self.writer):
            self.is_lost = True
            raise HoldLost
        self.upload = upload


@dataclass(frozen=True, slots=True)
class Holds:
    """Gives out the right to write."""

    database: Database
    clock: Clock

    @asynccontextmanager
    async def hold(
        self, upload_id: VideoId, patience: float = PATIENCE_SECONDS
    ) -> AsyncIterator[Hold]:
        """Hold an upload that is not finished; raises `UploadLocked`."""
        hold = await self._claim(upload_id, patience)
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._renew(hold))
                try:
                    yield hold
                finally:
                    renewing.cancel()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            await self._release(hold)

    async def quiet(self, upload_id: VideoId) -> None:
        """Wait, though not for long, until nobody writes."""
        for _ in range(_tries(PATIENCE_SECONDS)):
            if not await Uploads(self.database).is_held(upload_id, self.clock.now()):
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _claim(self, upload_id: VideoId, patience: float) -> Hold:
        writer = uuid7()
        for attempt in range(_tries(patience)):
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS)
            if (upload := await self._claimed(upload_id, writer)) is not None:
                return Hold(self.database, upload, writer)
        raise UploadLocked("Another request writes to this upload; try again when it is over.")

    async def _claimed(self, upload_id: VideoId, writer: UUID) -> Upload | None:
        now = self.clock.now()
        return await Uploads(self.database).claim(upload_id, writer, now, now + LEASE)

    async def _renew(self, hold: Hold) -> None:
        while not hold.is_lost:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                until = self.clock.now() + LEASE
                kept = await Uploads(self.database).renew(hold.upload.id, hold.writer, until)
                hold.is_lost = not kept
            except DatabaseAway as error:
                log.warning(
                    "lease_not_renewed",
                    upload_id=str(hold.upload.id),
                    error=repr(error.__cause__),
                )

    async def _release(self, hold: Hold) -> None:
        until = hold.rest_until or self.clock.now()
        try:
            await Uploads(self.database).release(hold.upload.id, hold.writer, until)
        except DatabaseAway as error:  # the lease runs out by itself
            log.warning(
                "lease_not_released", upload_id=str(hold.upload.id), error=repr(error.__cause__)
            )


def _tries(seconds: float) -> int:
    return 1 + round(seconds / _PAUSE_SECONDS)
