"""Recognising the speech of a job's video: alone when it is short, else part by part with others.

The worker that holds the job plans the parts, takes them up one after the other, and waits for
those that others have taken. A part that another worker failed at comes back to it, and what it
fails at itself is the job's failure.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from jobs_service.captions.domain import Transcript
from jobs_service.jobs.domain import Job
from jobs_service.parts.domain import PartLost, Plan
from jobs_service.parts.repository import Parts
from jobs_service.recognition.domain import Heard, OnProgress, Provider
from jobs_service.recognition.messages import Extracted
from jobs_service.recognition.offers import Offers, ProviderName
from jobs_service.recognition.recognised import transcript_of
from jobs_service.work.beside import accompanied
from jobs_service.work.part_news import PartNews
from jobs_service.work.parts import RecognisePart
from jobs_service.work.progress import Progress
from jobs_service.work.sounds import Sounds
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.observability.logging import get_logger
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

LOOK_SECONDS = 0.5
"""How often one who waits for others looks how far they are."""
_TO_DECODE = 0.05
"""The share of decoding in the whole; measured at about a fiftieth of recognition."""
_PAST_THE_END = 1.0


@dataclass(frozen=True, slots=True)
class RecogniseVideo:
    """`worker` is the name of this one."""

    database: Database
    sounds: Sounds
    providers: Mapping[ProviderName, Provider]
    offers: Offers
    part: RecognisePart
    news: PartNews
    worker: str

    async def __call__(
        self,
        job: Job,
        video_id: UUID,
        language: str,
        asked: ProviderName | None,
        progress: Progress,
    ) -> Transcript:
        """The transcript; raises UnsupportedLanguage, ProviderNotOffered, and the Problems of
        `sounds` and of providers."""
        name = self.offers.choose(language, asked)
        async with self.sounds.of(video_id, _share(progress, 0.0, _TO_DECODE)) as extracted:
            if extracted.cuts:
                plan = Plan(job.id, video_id, language, name, _bounds(extracted))
                heard = await self._with_others(job, plan, progress)
            else:
                report = _share(progress, _TO_DECODE, 1.0)
                provider = self.providers[name]
                heard = [await provider.recognise(extracted.track, language, report)]
        duration = extracted.track.duration
        return transcript_of(heard, language, name, self.providers[name], duration)

    async def _with_others(self, job: Job, plan: Plan, progress: Progress) -> list[Heard]:
        async with self.database.transaction() as tx:
            await Parts(tx).plan(plan)
        await self.news.waiting(job.id)
        await accompanied(self._finish_parts(job), self._watch(job, progress))
        return await Parts(self.database).heard(job)

    async def _watch(self, job: Job, progress: Progress) -> None:
        """Report how far all parts are, those of others included."""
        report = _share(progress, _TO_DECODE, 1.0)
        while True:
            with _while_away(job):
                await report((await Parts(self.database).standing(job)).reached)
            await asyncio.sleep(LOOK_SECONDS)

    async def _finish_parts(self, job: Job) -> None:
        """Take up parts for as long as there are some, and wait for those that others have."""
        complete = False
        async with self.news.of(job.id) as settled:
            while not complete:
                settled.clear()
                took_up = False
                with _while_away(job):
                    took_up = await self._take_up_one(job)
                    complete = (await Parts(self.database).standing(job)).complete
                if not (took_up or complete):
                    await happens_within(LOOK_SECONDS, settled)

    async def _take_up_one(self, job: Job) -> bool:
        """Recognise a part that nobody works on; whether there was one."""
        part = await Parts(self.database).claim_of(job, self.worker, self.part.lease)
        if part is None:
            return False
        with suppress(PartLost):  # others have claimed it anew; if the job is lost, this ends soon
            await self.part(part, Progress())
        return True


def _bounds(extracted: Extracted) -> tuple[float, ...]:
    return (0.0, *extracted.cuts, extracted.track.duration + _PAST_THE_END)


def _share(progress: Progress, begin: float, end: float) -> OnProgress:
    """Reports of a stretch of the whole."""

    async def report(reached: float) -> None:
        progress.reached = max(progress.reached, begin + (end - begin) * reached)

    return report


@contextmanager
def _while_away(job: Job) -> Iterator[None]:
    """Let the work go on while the database is away: whether the job is still ours is for its
    lease to say."""
    try:
        yield
    except DatabaseAway:
        log.warning("parts_not_reached", job_id=job.id)
