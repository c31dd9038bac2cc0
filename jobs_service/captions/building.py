"""Composes captions."""

from collections.abc import Mapping

from jobs_service.captions.kind import OrderCaptions
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.feature import Base, JobsFeature, WorkerBase
from jobs_service.jobs.kinds import JobKind
from jobs_service.work.caption import CaptionVideo
from jobs_service.work.performing import Perform


def build(base: Base) -> JobsFeature:
    """Captions of videos."""
    order = OrderCaptions(base.find_video, base.prices, base.settings.offers)
    return JobsFeature(
        kinds=(JobKind(CaptionsRequest, order),),
    )


def performers(base: WorkerBase) -> Mapping[str, Perform]:
    """What workers do."""
    return {"captions": CaptionVideo(base.recognise)}
