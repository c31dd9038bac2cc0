"""Composes caption tracks."""

from jobs_service.feature import Base, JobsFeature
from jobs_service.tracks.endpoints import JobCaptionEndpoints, TrackEndpoints
from jobs_service.tracks.use_cases import DeleteTrack, EditTrack, FindTrack, ImportTrack


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
                ImportTrack(database, base.find_video),
                DeleteTrack(database),
            ),
            JobCaptionEndpoints(base.find_job, find),
        )
    )
