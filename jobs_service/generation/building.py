"""Composes texts."""

import os
import socket
from collections.abc import Mapping

from jobs_service.feature import Base, JobsFeature, WorkerBase
from jobs_service.generation.endpoints import GenerateEndpoints
from jobs_service.generation.generate import Generate, Places
from jobs_service.generation.kind import OrderText
from jobs_service.generation.perform import PerformText
from jobs_service.generation.schemas import TextRequest
from jobs_service.generation.use_cases import (
    SECONDS_BETWEEN_FORGETTING,
    BeginText,
    FindSameText,
    ForgetTexts,
)
from jobs_service.generation.writing import WriteText
from jobs_service.jobs.kinds import JobKind
from jobs_service.work.performing import Perform
from jobs_service.work.use_cases import FinishJob
from shared.runtime.periodic import periodic


def build(base: Base) -> JobsFeature:
    """Texts for those who wait, and as jobs."""
    settings, database, clock = base.settings, base.database, base.clock
    order = OrderText(base.texts, base.prices)
    generate = Generate(
        order,
        FindSameText(database, clock, settings.text_cache_hours),
        Places(settings.text_concurrency),
        BeginText(
            database,
            clock,
            f"{socket.gethostname()}-{os.getpid()}",
            settings.lease_seconds,
            settings.text_running_per_user,
        ),
        WriteText(database, FinishJob(database), base.texts, order, clock, settings.lease_seconds),
    )
    forget = ForgetTexts(database, clock, settings.text_retention_days)
    return JobsFeature(
        endpoints=(
            GenerateEndpoints(generate, settings.text_answer_seconds, settings.text_stream_seconds),
        ),
        kinds=(JobKind(TextRequest, order),),
        components=(periodic("text-forgetter", SECONDS_BETWEEN_FORGETTING, forget),),
    )


def performers(base: WorkerBase) -> Mapping[str, Perform]:
    """What workers do."""
    settings = base.settings
    order = OrderText(base.texts, settings.prices)
    find_same = FindSameText(base.database, base.clock, settings.text_cache_hours)
    return {"text": PerformText(base.texts, order, find_same, settings.text_stream_seconds)}
