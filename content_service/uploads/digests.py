"""SHA-256 on the way: the state of a digest cannot be stored, so it lives with the process.

Who goes on with an upload in another process, or after a restart, reads what is there again at the
end.
"""

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from content_service.videos.domain import VideoId

if TYPE_CHECKING:
    from hashlib import _Hash

_REMEMBERED = 10_000
"""A state takes 300 bytes."""


class Digests:
    """The digests of what has arrived here, by upload."""

    def __init__(self) -> None:
        self._known: OrderedDict[VideoId, tuple[int, _Hash]] = OrderedDict()

    def at(self, upload_id: VideoId, offset: int) -> "_Hash | None":
        """A digest of the first `offset` bytes, to be fed further; None when there is none."""
        if not offset:
            return hashlib.sha256()
        known, digest = self._known.get(upload_id, (0, None))
        return digest.copy() if digest is not None and known == offset else None

    def keep(self, upload_id: VideoId, offset: int, digest: "_Hash | None") -> None:
        """Remember the digest of the first `offset` bytes."""
        self.drop(upload_id)
        if digest is None:
            return
        self._known[upload_id] = (offset, digest.copy())
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def drop(self, upload_id: VideoId) -> None:
        """Forget an upload."""
        self._known.pop(upload_id, None)
