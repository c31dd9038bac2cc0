"""Composes links."""

from content_service.feature import Base
from content_service.links.domain import LinkSigner
from content_service.links.endpoints import LinkEndpoints, MediaEndpoints
from content_service.links.use_cases import MakeLink, OpenLink
from content_service.videos.use_cases import OpenPoster, OpenVideo
from shared.runtime.feature import Feature
from shared.security.keys import derive_key


def build(base: Base) -> Feature:
    """Links to files, and what they lead to."""
    signer = LinkSigner(derive_key(base.secret, "content.links"))
    open_video = OpenVideo(base.database, base.storage)
    presigner = base.settings.presigner
    return Feature(
        endpoints=(
            LinkEndpoints(MakeLink(open_video, signer, base.clock)),
            MediaEndpoints(
                OpenLink(open_video, signer, base.clock, presigner),
                OpenPoster(base.database, base.storage),
            ),
        )
    )
