"""What goes over the wire about links."""

from datetime import UTC, datetime
from typing import Annotated, Self
from urllib.parse import urlencode

import msgspec

from content_service.links.domain import LONGEST_SECONDS, USUAL_SECONDS, Grant, What
from content_service.videos.schemas import EXAMPLE as EXAMPLE_VIDEO
from shared.http.files import Disposition

_DISPOSITION = "Whether a browser that is sent to the link saves the file or shows it."


class NewLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link to be made."""

    what: Annotated[What, msgspec.Meta(description="Which file of the video.")] = "content"
    expires_in: Annotated[
        int,
        msgspec.Meta(
            ge=1, le=LONGEST_SECONDS, description="Seconds; the link ends with its video, anyway."
        ),
    ] = USUAL_SECONDS
    disposition: Annotated[Disposition, msgspec.Meta(description=_DISPOSITION)] = "attachment"


class LinkView(msgspec.Struct, frozen=True):
    """A link: its address, relative to the API, and the moment from which it is refused."""

    url: str
    expires_at: datetime

    @classmethod
    def of(cls, grant: Grant, signature: str) -> Self:
        """The link of a signed grant."""
        query = {
            "disposition": grant.disposition,
            "expires": grant.expires,
            "signature": signature,
        }
        path = f"/api/media/videos/{grant.video_id}/{grant.what}"
        return cls(f"{path}?{urlencode(query)}", grant.expires_at)


class LinkQuery(msgspec.Struct, frozen=True):
    """What a link says beside its path."""

    disposition: Disposition
    expires: Annotated[int, msgspec.Meta(ge=0, le=2**37, description="Unix time.")]
    signature: Annotated[str, msgspec.Meta(max_length=100)]


EXAMPLE = LinkView(
    f"/api/media/videos/{EXAMPLE_VIDEO.id}/content"
    "?disposition=inline&expires=1777890600&signature=Zp3v0oW7YcTqQmYJ0hXb1nB2b8d0eF6gKp9sR4uT5wA",
    datetime.fromtimestamp(1777890600, UTC),
)
EXAMPLE_BODY = NewLink(expires_in=3600, disposition="inline")
