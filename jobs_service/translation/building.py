"""Composes translations."""

from collections.abc import Mapping

from jobs_service.feature import Base, JobsFeature, WorkerBase
from jobs_service.jobs.kinds import JobKind
from jobs_service.tracks.choosing import ChooseTrack
from jobs_service.translation.kind import OrderTranslation
from jobs_service.translation.perform import TranslateTrack
from jobs_service.translation.schemas import TranslationRequest
from jobs_service.work.performing import Perform


def build(base: Base) -> JobsFeature:
    """Captions in other languages."""
    order = OrderTranslation(ChooseTrack(base.database), base.texts, base.prices)
    return JobsFeature(kinds=(JobKind(TranslationRequest, order),))


def performers(base: WorkerBase) -> Mapping[str, Perform]:
    """What workers do."""
    settings = base.settings
    choose = ChooseTrack(base.database)
    translate = TranslateTrack(choose, base.texts, settings.prices, settings.text_stream_seconds)
    return {"translation": translate}
