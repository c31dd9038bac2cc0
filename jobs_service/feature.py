"""What every feature of the service is built on, in the process that answers and in workers, and
what a feature adds besides endpoints: kinds of jobs."""

from dataclasses import dataclass
from typing import Any

from jobs_service.credits.prices import PriceList
from jobs_service.generation.provider import Providers
from jobs_service.generation.providers import build_providers
from jobs_service.jobs.kinds import JobKind
from jobs_service.jobs.use_cases import FindJob
from jobs_service.settings import JobsSettings
from jobs_service.videos.use_cases import FindVideo
from jobs_service.work.recognising import RecogniseVideo
from jobs_service.work.sources import Sources
from shared.clock import Clock
from shared.db.database import Database
from shared.http.paging import Cursors
from shared.runtime.children import Limits
from shared.runtime.feature import Feature
from shared.security.keys import derive_key


@dataclass(frozen=True, slots=True)
class JobsFeature(Feature):
    """A feature that may offer kinds of jobs."""

    kinds: tuple[JobKind[Any], ...] = ()


class Base:
    """What features share in the process that answers."""

    def __init__(self, settings: JobsSettings, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.secret = settings.secret_key.get_secret_value()
        self.prices: PriceList = settings.prices
        self.texts: Providers = build_providers(settings)
        self.find_video = FindVideo(database.hot)
        self.find_job = FindJob(database)

    def cursors(self, use: str) -> Cursors:
        """Pages of one list."""
        return Cursors(derive_key(self.secret, f"jobs.{use}"))


@dataclass(frozen=True, slots=True)
class WorkerBase:
    """What features share in a worker; `limits` bound a child process that decodes a video, `texts`
    write texts."""

    settings: JobsSettings
    database: Database
    clock: Clock
    sources: Sources
    limits: Limits
    texts: Providers
    recognise: RecogniseVideo
