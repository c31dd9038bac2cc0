"""Composes videos: taking them in, examining, showing and removing them."""

from content_service.feature import Base
from content_service.videos.endpoints import InternalVideoEndpoints, VideoEndpoints
from content_service.videos.expiry import SECONDS_BETWEEN_EXPIRIES, ExpireVideos
from content_service.videos.prober import Prober
from content_service.videos.sweeper import SECONDS_BETWEEN_SWEEPS, Sweeper
from content_service.videos.upload import UploadVideo
from content_service.videos.use_cases import DeleteVideo, FindVideo, OpenPoster, OpenVideo
from shared.runtime.feature import Feature
from shared.runtime.once import once_across_replicas
from shared.runtime.periodic import periodic
from shared.runtime.service import Component


def build(base: Base) -> Feature:
    """Videos, their prober and their sweeper."""
    database, clock = base.database, base.clock
    prober = Prober(
        database, base.storage, clock, base.remove_file, base.admission.limits, base.stored
    )
    sweeper = Sweeper(database, clock, base.remove_file)
    expire = ExpireVideos(database, clock, base.to_empty.set)
    open_video = OpenVideo(database, base.storage)
    return Feature(
        endpoints=(
            VideoEndpoints(
                database,
                base.cursors("cursors"),
                UploadVideo(base.reception),
                FindVideo(database),
                open_video,
                DeleteVideo(database, clock, base.remove_file),
                OpenPoster(database, base.storage),
                base.admission.limits,
            ),
            InternalVideoEndpoints(open_video),
        ),
        components=(
            Component("prober", prober.run),
            periodic("sweeper", SECONDS_BETWEEN_SWEEPS, sweeper.sweep, base.to_empty),
            once_across_replicas("expiry", SECONDS_BETWEEN_EXPIRIES, expire, database, clock),
        ),
        before_start=(prober.scratch.sweep, base.storage.check),
    )
