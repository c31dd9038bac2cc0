"""What a captions job has made, kept as a track."""

from uuid import UUID

from jobs_service.captions.rules import Audience
from jobs_service.captions.track import Track
from jobs_service.tracks import repository
from jobs_service.tracks.domain import NewTrack
from shared.db.executor import Executor
from shared.ids import uuid7


class Tracks:
    """The results of captions jobs."""

    def __init__(self, executor: Executor) -> None:
        self._tracks = repository.Tracks(executor)

    async def add(
        self, job_id: UUID, track: Track, audience: Audience = "adult", track_id: UUID | None = None
    ) -> None:
        """Keep the track of a job, in the transaction that ends the job."""
        new = NewTrack(
            track_id or uuid7(), audience, "recognised", track.transcript, track.cues, track.quality
        )
        await self._tracks.add_of_job(job_id, new)
