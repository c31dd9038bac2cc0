"""Links to files that need no token: whoever has one may fetch that file until it ends.

A link holds its own right, signed; nothing is stored, and it tells nothing of an owner. It opens
only what is still there: with the video it ends, too.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Literal

import msgspec

from content_service.videos.domain import VideoId
from shared.errors import Forbidden, Gone
from shared.http.files import Disposition
from shared.security.keys import encode_base64url

What = Literal["content", "poster"]
"""Which file of a video."""

LONGEST_SECONDS = 7 * 24 * 3600
USUAL_SECONDS = 3600
_VERSION = "1"


class LinkForged(Forbidden):
    """The signature is not ours, or something that it covers was changed."""

    code, title = "media_link_invalid", "This link is not valid"


class LinkExpired(Gone):
    """The link's time is over."""

    code, title = "media_link_expired", "This link has expired"


class Grant(msgspec.Struct, frozen=True):
    """What a link allows; `expires` is in seconds of Unix time."""

    video_id: VideoId
    what: What
    disposition: Disposition
    expires: int

    @property
    def expires_at(self) -> datetime:
        """The moment from which the link is refused."""
        return datetime.fromtimestamp(self.expires, UTC)


class LinkSigner:
    """Signs grants with a key of its own (HMAC-SHA256, RFC 2104)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, grant: Grant) -> str:
        """The signature, 43 characters of base64url."""
        parts = (_VERSION, grant.video_id, grant.what, grant.disposition, grant.expires)
        text = "\n".join(str(part) for part in parts)
        return encode_base64url(hmac.digest(self._key, text.encode(), hashlib.sha256))

    def verify(self, grant: Grant, signature: str, now: datetime) -> None:
        """Raise `LinkForged`, and only to the bearer of a good signature `LinkExpired`."""
        if not hmac.compare_digest(self.sign(grant).encode(), signature.encode()):
            raise LinkForged("Its signature does not belong to it; ask for a new link.")
        if now >= grant.expires_at:
            raise LinkExpired(f"It could be used until {grant.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
