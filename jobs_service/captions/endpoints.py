"""HTTP: the captions of a job, in the format its path names."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from starlette.responses import Response

from jobs_service.captions.domain import Transcript, Word
from jobs_service.captions.formats import FORMATS, CaptionFile
from jobs_service.captions.repository import Tracks
from jobs_service.captions.track import make_track
from jobs_service.jobs.domain import JobNotFound
from jobs_service.jobs.use_cases import FindJob
from shared.db.database import Database
from shared.errors import Conflict
from shared.http.endpoint import endpoint
from shared.security.principal import Principal


class CaptionsNotReady(Conflict):
    """The job has no captions: it has not ended, or did not succeed."""

    code, title = "captions_not_ready", "The job has no captions"


EXAMPLE_FILE = CaptionFile.of(
    make_track(
        Transcript("en", "sphinx", 4.0, (Word("good", 0.5, 0.8, 0.97), Word("day", 0.8, 1.2, 0.9)))
    )
)


@dataclass(frozen=True, slots=True)
class CaptionEndpoints:
    """Results of the caller's captions jobs."""

    database: Database
    find_job: FindJob

    @endpoint(
        "GET",
        "/api/jobs/{job_id}/captions.{extension}",
        summary="The captions of a job as WebVTT, SubRip, JSON with word times, or plain text",
        tag="captions",
        answers=tuple(one.media_type for one in FORMATS.values()),
        example=EXAMPLE_FILE,
        errors=(JobNotFound, CaptionsNotReady),
        scope="jobs:read",
    )
    async def read(
        self, job_id: UUID, extension: Literal["vtt", "srt", "json", "txt"], caller: Principal
    ) -> Response:
        """The captions in one format, in UTF-8."""
        track = await Tracks(self.database).find(caller.id, job_id)
        if track is None:
            job = await self.find_job(caller.id, job_id)
            raise CaptionsNotReady(f"The job is {job.status}; captions come when it has succeeded.")
        form = FORMATS[extension]
        return Response(
            form.write(track),
            media_type=form.media_type,
            headers={
                "content-disposition": f'inline; filename="captions-{job_id}.{extension}"',
                "cache-control": "private, no-cache",
                "x-content-type-options": "nosniff",
            },
        )
