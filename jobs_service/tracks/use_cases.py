"""What owners do with their tracks, but for changing them."""

from dataclasses import dataclass
from uuid import UUID

from jobs_service.captions.track import Track
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.use_cases import FindJob
from jobs_service.tracks.domain import (
    CaptionsDeleted,
    CaptionsNotReady,
    CaptionTrack,
    Content,
    TrackNotFound,
    VersionNotFound,
)
from jobs_service.tracks.repository import Tracks
from shared.db.database import Database
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class FindTrack:
    """One track of its owner, as it is now or was."""

    database: Database

    async def __call__(self, owner: UserId, track_id: UUID) -> CaptionTrack:
        """Raises TrackNotFound."""
        return require_found(await Tracks(self.database).find(owner, track_id), track_id)

    async def content(self, track: CaptionTrack, number: int | None = None) -> Content:
        """A version of the track, by default the newest; raises VersionNotFound."""
        return await content_of(Tracks(self.database), track, number or track.version)

    async def file(self, track: CaptionTrack, number: int | None = None) -> Track:
        """All that a file of one version says; raises VersionNotFound."""
        content = await self.content(track, number)
        transcript = await Tracks(self.database).transcript(track.id)
        return Track(transcript, content.cues, content.version.quality)


@dataclass(frozen=True, slots=True)
class FindTrackOfJob:
    """The track that a job of its owner has made."""

    database: Database
    find_job: FindJob

    async def __call__(self, owner: UserId, job_id: UUID) -> CaptionTrack:
        """Raises JobNotFound, CaptionsNotReady, CaptionsDeleted."""
        track = await Tracks(self.database).find_of_job(owner, job_id)
        if track is None:
            raise _without_captions(await self.find_job(owner, job_id))
        return track


@dataclass(frozen=True, slots=True)
class DeleteTrack:
    """Delete a track with all its versions; jobs that work on it find that it is gone."""

    database: Database

    async def __call__(self, owner: UserId, track_id: UUID) -> None:
        """Raises TrackNotFound."""
        if not await Tracks(self.database).delete(owner, track_id):
            raise _missing(track_id)


async def content_of(tracks: Tracks, track: CaptionTrack, number: int) -> Content:
    """A version of `track`; raises VersionNotFound."""
    content = await tracks.content(track.id, number)
    if content is None:
        raise VersionNotFound(
            f"The track keeps no version {number}; its newest is {track.version}."
        )
    return content


def require_found(track: CaptionTrack | None, track_id: UUID) -> CaptionTrack:
    """`track`; raises TrackNotFound where there is none."""
    if track is None:
        raise _missing(track_id)
    return track


def _missing(track_id: UUID) -> TrackNotFound:
    return TrackNotFound(f"No caption track of yours has the id {track_id}.")


def _without_captions(job: Job) -> CaptionsDeleted | CaptionsNotReady:
    if job.status is not JobStatus.SUCCEEDED:
        return CaptionsNotReady(f"The job is {job.status}; captions come when it has succeeded.")
    if job.result and "track_id" in job.result:
        return CaptionsDeleted("The track was deleted after the job had made it.")
    return CaptionsNotReady(f"Jobs of the type {job.type} make no captions.")
