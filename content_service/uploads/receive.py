"""Taking in a part of an upload, of any size, with flat memory: what has come is kept.

The row says how far the upload is. It moves on while bytes arrive, too, so that a process that dies
takes no more than the last few megabytes with it; but not before a checksum has been compared.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from content_service.uploads.checksum import Checksum
from content_service.uploads.digests import Digests
from content_service.uploads.domain import Upload, UploadLocked
from content_service.uploads.finish import FinishUpload, cut
from content_service.uploads.holds import Hold, HoldLost, Holds
from content_service.uploads.repository import Uploads
from content_service.videos.domain import incoming_key
from content_service.videos.media_types import HEAD_BYTES, UnsupportedMedia, recognise
from content_service.videos.reception import Reception
from shared.clock import Clock
from shared.security.principal import Principal
from shared.storage.file_writer import Digest
from shared.storage.growing import Busy, BytesLost, End, growing_object
from shared.storage.storage import StorageUnavailable

CHECKPOINT_BYTES: Final = 64 * 1024 * 1024
CHECKPOINT_SECONDS: Final = 5.0


class Body(Protocol):
    """The bytes of a request as they arrive; its end may be an exception."""

    def blocks(self) -> AsyncIterator[bytes]:
        """They, once."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """What one request brings: bytes from `offset` on, `size` of them if that is known; `length`
    is that of the whole upload, where it is told now."""

    offset: int
    size: int | None
    body: Body
    checksum: Checksum | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivePart:
    """Append a part to an upload; the last one makes it a video."""

    reception: Reception
    holds: Holds
    digests: Digests
    finish: FinishUpload
    lifetime: timedelta

    async def __call__(self, caller: Principal, upload: Upload, part: Part) -> Upload:
        """The upload as it is then.

        Raises `OffsetConflict`, `UploadLocked`, `TooManyBytes`, `ChecksumMismatch`, what
        `FinishUpload` and `Admission` raise, and what the body does.
        """
        if upload.finished:
            upload.require_length(part.length)
            upload.require_offset(part.offset)
            upload.require_room(part.size or 0)
            return upload
        try:
            async with self.holds.hold(upload.id) as hold:
                return await self._receive(caller, hold, part)
        except (HoldLost, Busy):
            await self._clear(caller, upload)
            raise UploadLocked("Another request has taken this upload over.") from None

    async def _receive(self, caller: Principal, hold: Hold, part: Part) -> Upload:
        await self._announce(caller, hold, part.length)
        hold.upload.require_offset(part.offset)
        hold.upload.require_room(part.size or 0)
        try:
            await _Receiving(self, caller, hold, part).run()
        except BytesLost as lost:
            raise await cut(hold, lost.size) from None
        except UnsupportedMedia:
            await self.finish.remove(hold.upload)
            raise
        return await self.finish(hold) if hold.upload.is_whole else hold.upload

    async def _announce(self, caller: Principal, hold: Hold, length: int | None) -> None:
        """Let the length, which was deferred, be known."""
        known = hold.upload.require_length(length)
        if known is None or known == hold.upload.length:
            return
        async with self.reception.database.transaction() as tx:
            await self.reception.admission.correct(tx, caller, hold.upload.id, known)
            await Uploads(tx).reserve(hold.upload.id, known)
        await hold.advance(msgspec.structs.replace(hold.upload, length=known))

    async def _clear(self, caller: Principal, upload: Upload) -> None:
        """Remove what was written while its owner was erased."""
        uploads = Uploads(self.reception.database)
        if await uploads.find_of(caller.id, upload.id) is None:
            await self.reception.remove_file.now_or_later(upload.id)


class _Receiving:
    """The way of one part into the storage."""

    def __init__(self, use: ReceivePart, caller: Principal, hold: Hold, part: Part) -> None:
        self._use = use
        self._hold = hold
        self._part = part
        self._start = hold.upload
        self._taken = 0
        self._head: bytes | None = None  # of the file, until it has told what it is
        self._digest = use.digests.at(self._start.id, self._start.received)
        self._most = use.reception.admission.plan_of(caller).max_bytes
        self._caller = caller
        self._next_keeping = _NextKeeping(use.reception.clock)

    async def run(self) -> None:
        """Write all there is of the part; whatever ends it early, what has come is kept."""
        start, checksum = self._start, self._part.checksum
        growing = growing_object(self._use.reception.storage, incoming_key(start.id))
        if start.received < HEAD_BYTES:
            is_new = start.received == 0
            self._head = b"" if is_new else await growing.beginning(start.pieces, start.received)
        digests: list[Digest] = [one for one in (self._digest, checksum) if one is not None]
        async with growing.append(start.received, start.pieces, digests) as end:
            try:
                await self._copy(end)
            except (UnsupportedMedia, StorageUnavailable, HoldLost):
                raise
            except BaseException:  # a client that left, a process that stops, a byte too many
                if checksum is None:
                    await self._keep(end)
                raise
            if checksum is not None:
                await end.flush()
                checksum.verify()
            await self._keep(end)

    async def _copy(self, end: End) -> None:
        async for block in self._part.body.blocks():
            self._hold.require()
            self._check(block)
            await end.write(block)
            self._taken += len(block)
            if self._part.checksum is None and self._next_keeping.is_due(self._taken):
                await self._keep(end)
        if self._head is not None and self._received == self._start.length:
            recognise(self._head)

    @property
    def _received(self) -> int:
        return self._start.received + self._taken

    def _check(self, block: bytes) -> None:
        """Raise what is wrong with the next bytes."""
        self._start.require_room(self._taken + len(block))
        if self._received + len(block) > self._most:
            self._use.reception.check_size(self._caller, self._received + len(block))
        if self._head is not None:
            self._head += block[:HEAD_BYTES]
            if len(self._head) >= HEAD_BYTES:
                recognise(self._head)
                self._head = None

    async def _keep(self, end: End) -> None:
        """Make what has come durable, and then known."""
        pieces = await end.sync()
        present = self._hold.upload
        await self._hold.advance(
            msgspec.structs.replace(
                present,
                received=self._received,
                pieces=present.pieces + pieces,
                expires_at=self._use.reception.clock.now() + self._use.lifetime,
            )
        )
        self._use.digests.keep(present.id, self._received, self._digest)


class _NextKeeping:
    """Tells when as much has come that it should be kept, or enough time has gone by."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bytes = CHECKPOINT_BYTES
        self._at = clock.monotonic() + CHECKPOINT_SECONDS

    def is_due(self, taken: int) -> bool:
        """Whether it is time after so many bytes; it then counts on from there."""
        now = self._clock.monotonic()
        if taken < self._bytes and now < self._at:
            return False
        self._bytes, self._at = taken + CHECKPOINT_BYTES, now + CHECKPOINT_SECONDS
        return True
