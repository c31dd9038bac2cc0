"""Taking in a video: from the first byte to a stored file, with flat memory."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Protocol

from content_service.videos.domain import Video, VideoId, incoming_key
from content_service.videos.media_types import HEAD_BYTES, recognise
from content_service.videos.reception import Arrived, Arriving, Reception, UploadAbandoned
from content_service.videos.repository import Videos
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.security.principal import Principal
from shared.storage.storage import NoSuchObject

RECEIVING_LEASE = timedelta(minutes=5)
"""Renewed while bytes arrive; after it the sweeper takes the upload for abandoned."""


class IncomingFile(Protocol):
    """A file on its way in; `filename` is known with the first block, `title` after the last."""

    @property
    def filename(self) -> str:
        """The name that the client gave, without any path."""
        ...

    @property
    def title(self) -> str:
        """What the client calls it; may be empty."""
        ...

    def blocks(self) -> AsyncIterator[bytes]:
        """The file's bytes, once."""
        ...


@dataclass(frozen=True, slots=True)
class UploadVideo:
    """Store a file as a new video; whatever goes wrong, no row is seen and no file stays."""

    reception: Reception

    def check_size(self, caller: Principal, size: int) -> None:
        """As `Reception.check_size`."""
        self.reception.check_size(caller, size)

    async def __call__(self, caller: Principal, file: IncomingFile) -> Video:
        """The stored video; raises `UnsupportedMedia`, `VideoTooLarge`, `TooManyVideos`,
        `QuotaExceeded`, `Invalid`, `StorageUnavailable`, and what `file` raises."""
        blocks = file.blocks()
        head = await _head(blocks)
        media = recognise(head)
        reception, video_id = self.reception, VideoId(uuid7())
        async with reception.database.transaction() as tx:
            until = reception.clock.now() + RECEIVING_LEASE
            arriving = Arriving(file.filename, media.content_type, None)
            await reception.begin(tx, video_id, caller, arriving, until)
        try:
            size, sha256 = await self._receive(video_id, caller, head, blocks)
            title = file.title or PurePath(file.filename).stem
            arrived = Arrived(title, media.content_type, size, sha256)
            plan = reception.admission.plan_of(caller)
            return await reception.accept(video_id, arrived, plan, caller)
        except NoSuchObject:
            await reception.abandon(video_id)
            raise UploadAbandoned("The upload made no progress; send it again.") from None
        except BaseException:  # a client that left and a cancelled task leave nothing either
            await reception.abandon(video_id)
            raise

    async def _receive(
        self, video_id: VideoId, caller: Principal, head: bytes, rest: AsyncIterator[bytes]
    ) -> tuple[int, str]:
        """Write the file under its incoming key; its size in bytes and its SHA-256."""
        clock = self.reception.clock
        digest, size = hashlib.sha256(), 0
        renewal = RECEIVING_LEASE.total_seconds() / 2
        renew_at = clock.monotonic() + renewal
        async with self.reception.storage.writer(incoming_key(video_id), [digest]) as writer:
            async for block in _chain(head, rest):
                size += len(block)
                self.check_size(caller, size)
                await writer.write(block)
                if clock.monotonic() >= renew_at:
                    until = clock.now() + RECEIVING_LEASE
                    await Videos(self.reception.database).prolong_receiving(video_id, until)
                    renew_at = clock.monotonic() + renewal
        return size, digest.hexdigest()


async def _head(blocks: AsyncIterator[bytes]) -> bytes:
    """The first blocks, joined, `HEAD_BYTES` at least unless the file is shorter."""
    head = b""
    while len(head) < HEAD_BYTES and (block := await anext(blocks, b"")):
        head += block
    if not head:
        raise Invalid(errors=(FieldError("file", "is empty; send a video"),))
    return head


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
