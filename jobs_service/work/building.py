"""Composes how a worker recognises speech, by itself and with others."""

from dataclasses import dataclass

from jobs_service.recognition.building import providers
from jobs_service.settings import JobsSettings
from jobs_service.work.helping import Helping
from jobs_service.work.part_news import PartNews
from jobs_service.work.parts import RecognisePart
from jobs_service.work.recognising import RecogniseVideo
from jobs_service.work.sounds import Sounds
from jobs_service.work.sources import Sources
from shared.db.database import Database
from shared.messaging.broker import Broker
from shared.runtime.children import Limits
from shared.storage.scratch import Scratch


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a worker has for it; `sounds` are closed at the end."""

    video: RecogniseVideo
    helping: Helping
    news: PartNews
    sounds: Sounds


def build_recognition(
    settings: JobsSettings,
    database: Database,
    broker: Broker,
    sources: Sources,
    scratch: Scratch,
    limits: Limits,
    worker: str,
) -> Recognition:
    """For the worker of that name."""
    sounds = Sounds(sources, scratch, settings.part_seconds, limits)
    by_name, news = providers(settings, limits), PartNews(broker)
    part = RecognisePart(database, sounds, by_name, news, settings.lease_seconds)
    video = RecogniseVideo(database, sounds, by_name, settings.offers, part, news, worker)
    return Recognition(video, Helping(database, part, worker), news, sounds)
