"""Taking in a video: from the first byte to a stored file, with flat memory."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Protocol

from content_service.videos.domain import Video, VideoId, incoming_key, permanent_key
from content_service.videos.media_types import HEAD_BYTES, recognise
from content_service.videos.repository import Videos
from content_service.videos.use_cases import EMPTYING, RemoveFile
from shared.clock import Clock
from shared.db.aliases import Aliases
from shared.db.database import Database
from shared.errors import Conflict, FieldError, Invalid, TooLarge
from shared.ids import uuid7
from shared.security.principal import Principal
from shared.storage.storage import Storage

RECEIVING_LEASE = timedelta(minutes=5)
"""Renewed while bytes arrive; after it the sweeper takes the upload for abandoned."""


class VideoTooLarge(TooLarge):
    """The file exceeds the limit in bytes."""

    code, title = "video_too_large", "The video is too large"


class TooManyGuestVideos(Conflict):
    """A guest keeps as many videos as guests may."""

    code, title = "too_many_guest_videos", "Guests may keep only a few videos"


class UploadAbandoned(Conflict):
    """The server stood still for so long that the upload was given up."""

    code, title = "upload_abandoned", "The upload was interrupted; send it again"


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
class GuestLimits:
    """What guests may upload: bytes of one file, and videos at the same time."""

    max_bytes: int
    videos: int


@dataclass(frozen=True, slots=True)
class UploadVideo:
    """Store a file as a new video; whatever goes wrong, no row is seen and no file stays."""

    database: Database
    storage: Storage
    clock: Clock
    remove_file: RemoveFile
    max_bytes: int
    guests: GuestLimits
    retention: timedelta
    stored: Callable[[], None]
    """Called for each video that may be examined."""

    def check_size(self, caller: Principal, size: int) -> None:
        """Raises `VideoTooLarge` when a file has, or has so far, more bytes than `caller` may
        send."""
        if caller.guest and size > self.guests.max_bytes:
            raise VideoTooLarge(
                f"A guest's video may have {self.guests.max_bytes} bytes at most; "
                f"register, and it may have {self.max_bytes}."
            )
        if size > self.max_bytes:
            raise VideoTooLarge(f"A video may have {self.max_bytes} bytes at most.")

    async def __call__(self, caller: Principal, file: IncomingFile) -> Video:
        """The stored video; raises `UnsupportedMedia`, `VideoTooLarge`, `TooManyGuestVideos`,
        `Invalid`, `StorageUnavailable`, and what `file` raises."""
        blocks = file.blocks()
        head = await _head(blocks)
        media = recognise(head)
        video_id = VideoId(uuid7())
        await self._begin(video_id, caller, file.filename, media.content_type)
        try:
            size, sha256 = await self._receive(video_id, caller, head, blocks)
            await self.storage.move(incoming_key(video_id), permanent_key(video_id))
            video = await self._accept(video_id, file, size, sha256)
        except BaseException:  # a client that left and a cancelled task leave nothing either
            await self._abandon(video_id)
            raise
        self.stored()
        return video

    async def _begin(
        self, video_id: VideoId, caller: Principal, filename: str, content_type: str
    ) -> None:
        async with self.database.transaction() as tx:
            # a guest's uploads begin one after the other, so that their number is exact
            owner = await Aliases(tx).owner(caller.id, alone=caller.guest)
            if caller.guest and await Videos(tx).count_of(owner) >= self.guests.videos:
                raise TooManyGuestVideos(
                    f"A guest may keep {self.guests.videos} videos; delete one, or register."
                )
            await Videos(tx).add_receiving(
                video_id, owner, filename, content_type, self.clock.now(), RECEIVING_LEASE
            )

    async def _receive(
        self, video_id: VideoId, caller: Principal, head: bytes, rest: AsyncIterator[bytes]
    ) -> tuple[int, str]:
        """Write the file under its incoming key; its size in bytes and its SHA-256."""
        digest, size = hashlib.sha256(), 0
        renewal = RECEIVING_LEASE.total_seconds() / 2
        renew_at = self.clock.monotonic() + renewal
        async with self.storage.writer(incoming_key(video_id)) as writer:
            async for block in _chain(head, rest):
                size += len(block)
                self.check_size(caller, size)
                digest.update(block)
                await writer.write(block)
                if self.clock.monotonic() >= renew_at:
                    until = self.clock.now() + RECEIVING_LEASE
                    await Videos(self.database).prolong_receiving(video_id, until)
                    renew_at = self.clock.monotonic() + renewal
        return size, digest.hexdigest()

    async def _accept(self, video_id: VideoId, file: IncomingFile, size: int, sha256: str) -> Video:
        now = self.clock.now()
        video = await Videos(self.database).accept(
            video_id,
            title=file.title or PurePath(file.filename).stem,
            size=size,
            sha256=sha256,
            now=now,
            expires=now + self.retention,
        )
        if video is None:
            raise UploadAbandoned("The upload made no progress for five minutes; send it again.")
        return video

    async def _abandon(self, video_id: VideoId) -> None:
        videos = Videos(self.database)
        await videos.abandon(video_id, self.clock.now() + EMPTYING)
        if not await videos.keeps(video_id):
            await self.remove_file.now_or_later(video_id)


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
