"""Composes caption tracks."""

from jobs_service.feature import Base, JobsFeature
from jobs_service.tracks.adding import ImportTrack
from jobs_service.tracks.editing import EditTrack
from jobs_service.tracks.endpoints import JobCaptionEndpoints, TrackEndpoints
from jobs_service.tracks.use_cases import DeleteTrack, FindTrack, FindTrackOfJob


def build(base: Base) -> JobsFeature:
    """Tracks, their versions and their files."""
    database = base.database
    find = FindTrack(database)
    return JobsFeature(
        endpoints=(
            TrackEndpoints(
                base.cursors("tracks"),
                find,
                EditTrack(database, base.settings.caption_versions_kept),
                ImportTrack(database, base.find_video, base.settings.caption_tracks_per_user),
                DeleteTrack(database),
            ),
            JobCaptionEndpoints(FindTrackOfJob(database, base.find_job), find),
        )
    )
