"""What content knows of a person, for the export of their data."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from content_service.people.schemas import EXAMPLE_LINE, KnownOf, KnownUpload
from content_service.uploads.repository import Uploads
from content_service.uploads.schemas import UploadView
from content_service.videos.domain import VideoId
from content_service.videos.repository import Videos
from shared.clock import Clock
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.lines import MEDIA_TYPE, lines_response
from shared.security.principal import CallingService

_PAGE = 200


@dataclass(frozen=True, slots=True)
class PeopleEndpoints:
    """`/internal/people`: what auth may read."""

    database: Database
    clock: Clock

    @endpoint(
        "GET",
        "/internal/people/{user_id}/data",
        summary="Tell all that is known of a person, a line of JSON each",
        tag="internal",
        answers=(MEDIA_TYPE,),
        example=EXAMPLE_LINE,
        callers=("auth",),
    )
    async def data(self, user_id: UUID, caller: CallingService) -> Response:
        """The person's videos, and what they upload."""
        return await lines_response(self._known(user_id))

    async def _known(self, user_id: UUID) -> AsyncIterator[KnownOf | KnownUpload]:
        after: VideoId | None = None
        while page := await Videos(self.database).list_of(user_id, _PAGE, after):
            for video in page:
                yield KnownOf.video(video)
            after = page[-1].id
        for upload in await Uploads(self.database).list_of(user_id, self.clock.now()):
            yield KnownUpload(UploadView.of(upload))
