"""Composes captions that are burned in."""

from collections.abc import Mapping

from jobs_service.burn_in.copies import Copies
from jobs_service.burn_in.kind import OrderBurnIn
from jobs_service.burn_in.perform import BurnIn
from jobs_service.burn_in.schemas import BurnInRequest
from jobs_service.feature import Base, JobsFeature, WorkerBase
from jobs_service.jobs.kinds import JobKind
from jobs_service.tracks.choosing import ChooseTrack
from jobs_service.work.performing import Perform


def build(base: Base) -> JobsFeature:
    """Copies of videos with captions in their pictures."""
    choose, fonts = ChooseTrack(base.database), base.settings.caption_fonts
    order = OrderBurnIn(choose, base.find_video, base.prices, fonts)
    return JobsFeature(kinds=(JobKind(BurnInRequest, order),))


def performers(base: WorkerBase) -> Mapping[str, Perform]:
    """What workers do."""
    copies = Copies(base.sources.content)
    choose, fonts = ChooseTrack(base.database), base.settings.caption_fonts
    return {"burn_in": BurnIn(choose, base.sources, copies, fonts, base.limits)}
