"""A whole upload becomes a video, however often the process dies on the way.

Each step finds what the one before has left: pieces are joined, the file gets its permanent key,
and one transaction makes both rows what they are from then on.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from content_service.uploads.digests import Digests
from content_service.uploads.domain import Upload, UploadLocked, conflict
from content_service.uploads.holds import Hold, HoldLost, Holds
from content_service.uploads.metadata import Description
from content_service.uploads.repository import Uploads
from content_service.videos.domain import incoming_key, permanent_key
from content_service.videos.media_types import HEAD_BYTES, UnsupportedMedia, recognise
from content_service.videos.reception import Arrived, Reception, UploadAbandoned
from shared.errors import Problem
from shared.observability.logging import get_logger
from shared.storage.growing import BytesLost, growing_object
from shared.storage.storage import NoSuchObject

log = get_logger(__name__)

REST = timedelta(seconds=30)
"""Between two attempts to finish an upload."""


@dataclass(frozen=True, slots=True)
class RemoveUpload:
    """Leave nothing of an upload that has not become a video."""

    reception: Reception
    digests: Digests

    async def __call__(self, upload: Upload) -> None:
        """The row goes last: it is what leads to the rest."""
        self.digests.drop(upload.id)
        await self.reception.abandon(upload.id)
        await Uploads(self.reception.database).delete(upload.id)


@dataclass(frozen=True, slots=True)
class FinishUpload:
    """Make a video of an upload that is whole, for whoever holds it."""

    reception: Reception
    digests: Digests
    remove: RemoveUpload

    async def __call__(self, hold: Hold) -> Upload:
        """The upload, finished; can be repeated.

        Raises `UnsupportedMedia` or `UploadAbandoned`, and then it is gone; `OffsetConflict` when
        the storage has lost bytes of it; `HoldLost` or `StorageUnavailable`.
        """
        try:
            return await self._finish(hold)
        except (UnsupportedMedia, UploadAbandoned):
            await self.remove(hold.upload)
            raise
        except BytesLost as lost:
            raise await cut(hold, lost.size) from None
        except Exception:
            hold.rest_until = self.reception.clock.now() + REST
            raise

    async def _finish(self, hold: Hold) -> Upload:
        upload, storage = hold.upload, self.reception.storage
        key = await self._joined(upload)
        sha256 = await self._sha256(upload, key)
        stop = min(HEAD_BYTES, upload.received)
        head = b"".join([block async for block in storage.read(key, 0, stop)])
        content_type = recognise(head).content_type
        if key == incoming_key(upload.id):
            hold.require()
            await storage.move(key, permanent_key(upload.id))
        title = Description.of(upload.metadata).title
        await self._accept(hold, Arrived(title, content_type, upload.received, sha256))
        self.digests.drop(upload.id)
        return msgspec.structs.replace(upload, finished=True)

    async def _joined(self, upload: Upload) -> str:
        """Where the whole file is."""
        storage, permanent = self.reception.storage, permanent_key(upload.id)
        try:
            await storage.head(permanent)
        except NoSuchObject:
            key = incoming_key(upload.id)
            await growing_object(storage, key).join(upload.pieces, upload.received)
            return key
        return permanent  # a process has died between its last two steps

    async def _sha256(self, upload: Upload, key: str) -> str:
        digest = self.digests.at(upload.id, upload.received)
        if digest is None:
            digest = hashlib.sha256()
            async for block in self.reception.storage.read(key, 0, upload.received):
                await asyncio.to_thread(digest.update, block)
        return digest.hexdigest()

    async def _accept(self, hold: Hold, file: Arrived) -> None:
        reception, upload = self.reception, hold.upload
        async with reception.database.transaction() as tx:
            name = await Uploads(tx).plan_of(upload.id)
            if name is None:
                raise UploadAbandoned("Its owner has been erased.")
            plan = reception.admission.limits.named(name)
            await reception.accept_in(tx, upload.id, file, plan)
            if not await Uploads(tx).finish(upload.id, hold.writer):
                raise HoldLost


async def cut(hold: Hold, size: int) -> Problem:
    """Let an upload, of which the storage has lost all but `size` bytes, go on from there."""
    log.error("upload_bytes_lost", upload_id=str(hold.upload.id), left=size)
    await hold.advance(msgspec.structs.replace(hold.upload, received=size, pieces=()))
    return conflict(size)


@dataclass(frozen=True, slots=True)
class FinishDue:
    """Finish uploads that are whole and whose writers have died; every replica does it."""

    holds: Holds
    finish: FinishUpload

    async def __call__(self) -> None:
        """All that are due."""
        database, clock = self.holds.database, self.holds.clock
        for upload_id in await Uploads(database).due(clock.now()):
            try:
                async with self.holds.hold(upload_id, patience=0) as hold:
                    await self.finish(hold)
                log.info("upload_finished_late", upload_id=str(upload_id))
            except (UploadLocked, HoldLost):
                continue  # somebody else is at it
            except Problem as problem:
                log.warning("upload_not_finished", upload_id=str(upload_id), error=problem.detail)
