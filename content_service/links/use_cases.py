"""Making links, and what they lead to."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from content_service.links.domain import Grant, LinkSigner, What
from content_service.videos.domain import Video, VideoId
from content_service.videos.use_cases import OpenVideo
from shared.clock import Clock
from shared.http.files import Disposition, ServedFile, content_disposition, safe_media_type
from shared.storage.presigning import Presigner


@dataclass(frozen=True, slots=True)
class MakeLink:
    """A link to a file of the caller's video."""

    open: OpenVideo
    signer: LinkSigner
    clock: Clock

    async def __call__(
        self, owner: UUID, video_id: VideoId, what: What, lifetime: timedelta, shown: Disposition
    ) -> tuple[Grant, str]:
        """The grant and its signature; raises `VideoNotFound`, `VideoNotReady`, `VideoFileGone` and
        `PosterNotFound`."""
        video = await self.open(video_id, owner)
        if what == "poster":
            video.require_poster()
        until = min(self.clock.now() + lifetime, video.expires_at)
        grant = Grant(video_id, what, shown, int(until.timestamp()))
        return grant, self.signer.sign(grant)


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What a link leads to; with a `presigner` the store answers by itself."""

    open: OpenVideo
    signer: LinkSigner
    clock: Clock
    presigner: Presigner | None

    async def __call__(self, grant: Grant, signature: str) -> Video:
        """The video; raises `LinkForged`, `LinkExpired`, and what `OpenVideo` does."""
        self.signer.verify(grant, signature, self.clock.now())
        return await self.open(grant.video_id, None)

    def elsewhere(self, grant: Grant, file: ServedFile, key: str) -> str | None:
        """Where the store sends the file under `key` by itself, for as long as the link is good;
        None when it is sent from here."""
        if self.presigner is None:
            return None
        headers = {
            "content-type": safe_media_type(file.media_type),
            "content-disposition": content_disposition(file.filename, file.disposition),
        }
        return self.presigner.url(key, self.clock.now(), grant.expires_at, headers)
