"""Composes videos: taking them in, examining, showing and removing them."""

from datetime import timedelta

from content_service.feature import Base
from content_service.videos.endpoints import InternalVideoEndpoints, VideoEndpoints
from content_service.videos.prober import Prober
from content_service.videos.sweeper import SECONDS_BETWEEN_SWEEPS, Sweeper
from content_service.videos.upload import GuestLimits, UploadVideo
from content_service.videos.use_cases import DeleteVideo, FindVideo, OpenVideo
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic
from shared.runtime.service import Component


def build(base: Base) -> Feature:
    """Videos, their prober and their sweeper."""
    settings, database, clock = base.settings, base.database, base.clock
    prober = Prober(
        database, base.storage, clock, base.remove_file, settings.max_duration_seconds, base.stored
    )
    sweeper = Sweeper(database, clock, base.remove_file)
    upload = UploadVideo(
        database,
        base.storage,
        clock,
        base.remove_file,
        max_bytes=settings.upload_max_bytes,
        guests=GuestLimits(settings.guest_upload_max_bytes, settings.guest_videos),
        retention=timedelta(days=settings.retention_days),
        stored=base.stored.set,
    )
    open_video = OpenVideo(database, base.storage)
    return Feature(
        endpoints=(
            VideoEndpoints(
                database,
                base.cursors("cursors"),
                upload,
                FindVideo(database),
                open_video,
                DeleteVideo(database, clock, base.remove_file),
            ),
            InternalVideoEndpoints(open_video),
        ),
        components=(
            Component("prober", prober.run),
            periodic("sweeper", SECONDS_BETWEEN_SWEEPS, sweeper.sweep, base.to_empty),
        ),
        before_start=(prober.scratch.sweep, base.storage.check),
    )
