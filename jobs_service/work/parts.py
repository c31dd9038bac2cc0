"""Recognising one part of a video, under a lease of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from jobs_service.parts.domain import Part, PartLost
from jobs_service.parts.repository import Parts
from jobs_service.recognition.domain import Heard, Provider
from jobs_service.recognition.offers import ProviderName
from jobs_service.work.beside import accompanied
from jobs_service.work.part_news import PartNews
from jobs_service.work.progress import Progress
from jobs_service.work.sounds import Sounds
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.observability.logging import get_logger
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

HEARTBEAT_SECONDS = 1.0
RETRY_SECONDS = 2.0
"""How long a part that a worker has failed at is left alone."""


@dataclass(frozen=True, slots=True)
class RecognisePart:
    """Whoever calls has claimed the part for `lease` seconds."""

    database: Database
    sounds: Sounds
    providers: Mapping[ProviderName, Provider]
    news: PartNews
    lease: float

    async def __call__(self, part: Part, progress: Progress) -> None:
        """Recognise the part and write what was heard; else it is given back.

        Raises PartLost, and the Problems of `sounds` and of providers.
        """
        told = {"job_id": part.job_id, "part": part.number}
        log.info("part_started", **told, attempt=part.attempt)
        try:
            heard = await accompanied(
                self._recognise(part, progress), self._keep_lease(part, progress)
            )
        except PartLost:
            raise
        except BaseException as error:
            stopped = isinstance(error, asyncio.CancelledError)
            await self._give_back(part, counted=not stopped)
            raise
        if not await Parts(self.database).finish(part, heard):
            raise PartLost
        log.info("part_done", **told)
        await self.news.settled(part)

    async def _give_back(self, part: Part, *, counted: bool) -> None:
        delay = RETRY_SECONDS if counted else 0.0
        try:
            await Parts(self.database).give_back(part, delay, counted=counted)
        except DatabaseAway:
            # its lease will end, and others may claim it then
            log.warning("part_not_given_back", job_id=part.job_id, part=part.number)
        else:
            await self.news.settled(part)

    async def _recognise(self, part: Part, progress: Progress) -> Heard:
        async def prepare(_: float) -> None: ...

        async def report(reached: float) -> None:
            progress.reached = reached

        async with self.sounds.of(part.video_id, prepare) as extracted:
            sound = extracted.track.between(part.starts, part.ends)
            return await self.providers[part.provider].recognise(sound, part.language, report)

    async def _keep_lease(self, part: Part, progress: Progress) -> None:
        clock = SystemClock()
        renewed = clock.monotonic()
        while True:
            await happens_within(HEARTBEAT_SECONDS, progress.look)
            progress.look.clear()
            now = clock.monotonic()
            try:
                if not await Parts(self.database).heartbeat(part, self.lease, progress.reached):
                    raise PartLost
                renewed = now
            except DatabaseAway:
                log.warning("part_heartbeat_failed", job_id=part.job_id, part=part.number)
                if now - renewed > self.lease:  # somebody else may have it by now
                    raise PartLost from None
