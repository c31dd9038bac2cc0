"""Uploads that can be resumed, as tus 1.0 has them: what they are, and what can be wrong with them.

An upload's id is that of the video it becomes. Its row says how many bytes are durable, and who
writes: a writer holds a lease, which it renews, and which runs out soon after its process has died.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from content_service.videos.domain import VideoId
from shared.errors import Conflict, Gone, Malformed, NotFound, Problem, TooLarge

LEASE: Final = timedelta(seconds=6)
"""How long after the death of its writer's process an upload waits for it."""
REMEMBERED: Final = timedelta(days=7)
"""How long it is known of an upload that it has expired."""


class UploadNotFound(NotFound):
    """There is no such upload, or it is another user's."""

    code, title = "upload_not_found", "There is no such upload"


class UploadGone(Gone):
    """The upload was not finished in time, or its owner has deleted it."""

    code, title = "upload_gone", "This upload has been removed"


class UploadLocked(Problem):
    """Another request is sending bytes of the upload."""

    status, code, title = 423, "upload_locked", "Another request is writing to this upload"
    retriable = True


class OffsetConflict(Conflict):
    """The bytes that are sent do not begin where those that are there end."""

    code, title = "offset_conflict", "The upload goes on at another offset"


class UploadFinished(Conflict):
    """The upload has become a video."""

    code, title = "upload_finished", "This upload has become a video"


class UploadPaused(Conflict):
    """No byte came for a while; what came is kept."""

    code, title = "upload_paused", "The upload has stopped; go on where it stands"


class TooManyBytes(TooLarge):
    """More bytes are sent than the upload was announced to have."""

    code, title = "too_many_bytes", "The upload has more bytes than announced"


class ChecksumUnsupported(Malformed):
    """The checksum is made in a way that is not known here."""

    code, title = "checksum_unsupported", "This checksum cannot be checked"


class ChecksumMismatch(Problem):
    """What arrived is not what was sent (tus 1.0, Checksum)."""

    status, code, title = 460, "checksum_mismatch", "The checksum does not fit the bytes"


class Upload(msgspec.Struct, frozen=True):
    """An upload as its row holds it.

    Of its `length` bytes, which may be unknown yet, `received` are durable; `pieces` is where they
    are, for the storage. `metadata` is what the client said of the file, as it said it.
    """

    id: VideoId
    owner_id: UUID
    length: int | None
    received: int
    metadata: str
    pieces: tuple[str, ...]
    finished: bool
    created_at: datetime
    expires_at: datetime

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are there."""
        return self.received == self.length

    def require_length(self, length: int | None) -> int | None:
        """The length, which may become known now; raises `OffsetConflict` when it was another, or
        cannot be."""
        known = self.length if length is None else length
        if self.length not in (None, known):
            raise OffsetConflict(f"The upload was announced to have {self.length} bytes.")
        if known is not None and known < self.received:
            raise OffsetConflict(f"{self.received} bytes have arrived already.")
        return known

    def require_offset(self, offset: int) -> None:
        """Raise `OffsetConflict`, which tells the right one, unless the upload goes on there."""
        if offset != self.received:
            raise conflict(self.received)

    def require_room(self, size: int) -> None:
        """Raise `TooManyBytes` when `size` more bytes are too many."""
        if self.length is not None and self.received + size > self.length:
            left = self.length - self.received
            raise TooManyBytes(f"{left} of {self.length} bytes are left; {size} or more were sent.")


def conflict(offset: int) -> OffsetConflict:
    """The refusal of bytes that do not begin at `offset`."""
    return OffsetConflict(
        f"The upload goes on at byte {offset}: ask with HEAD and send from there.",
        headers={"upload-offset": str(offset)},
        members={"offset": offset},
    )
