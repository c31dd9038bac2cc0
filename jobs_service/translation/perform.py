"""The work of a translation job."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import RuleSet, rules_for
from jobs_service.captions.track import Track
from jobs_service.credits.prices import PriceList
from jobs_service.generation.domain import Asked
from jobs_service.generation.provider import Providers
from jobs_service.jobs.domain import Job
from jobs_service.tracks.choosing import ChooseTrack, Chosen
from jobs_service.tracks.domain import NewTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.translation.domain import Lines, lines_of, spoken_apart
from jobs_service.translation.kind import translator
from jobs_service.translation.lines import fitted
from jobs_service.translation.schemas import TranslationRequest, TranslationResult
from jobs_service.translation.translating import TranslateLines
from jobs_service.work.performing import Result
from jobs_service.work.progress import Progress
from shared.db.database import Transaction


@dataclass(frozen=True, slots=True)
class TranslateTrack:
    """Makes tracks of tracks; one answer of a provider may take `seconds`."""

    choose_track: ChooseTrack
    texts: Providers
    prices: PriceList
    seconds: float

    async def __call__(self, job: Job, progress: Progress) -> Result:
        """The track in the other language; raises what ordering and translating raise."""
        request = msgspec.json.decode(job.request, type=TranslationRequest)
        provider = translator(self.texts, request)
        chosen = await self.choose_track.for_work(job.owner_id, request)
        cues, lines = chosen.content.cues, lines_of(chosen.content.cues)
        translated = await self._translate(lines, provider.name, request.language, progress)
        new = await self._track(chosen, translated, provider.name, request.language)
        model = provider.model_for(Asked(messages=()))
        seconds = sum(cues[number - 1].duration for number in lines)

        async def store(tx: Transaction) -> None:
            await Tracks(tx).add_of_job(job.id, new)

        shown = TranslationResult(
            new.id,
            chosen.track.id,
            chosen.content.version.number,
            request.language,
            len(cues),
            len(lines),
            provider.name,
            model,
        )
        spent = self.prices.translation(seconds) if lines else 0
        return Result(shown, store, min(job.price, spent))

    async def _translate(
        self, lines: Lines, provider: str, language: str, progress: Progress
    ) -> dict[int, str]:
        translate = TranslateLines(self.texts, provider, self.seconds)
        translated: dict[int, str] = {}
        async with aclosing(translate(lines, language)) as batches:
            async for batch in batches:
                translated |= batch
                progress.reached = len(translated) / len(lines)
        return translated

    async def _track(self, chosen: Chosen, lines: Lines, provider: str, language: str) -> NewTrack:
        source = chosen.track
        duration = (await Tracks(self.choose_track.database).transcript(source.id)).duration
        rules = rules_for(language, source.audience)
        cues = await asyncio.to_thread(_cues, chosen.content.cues, lines, rules)
        quality = await asyncio.to_thread(assess, cues, rules)
        transcript = Transcript(language, provider, duration, ())
        track = Track(transcript, cues, quality)
        return NewTrack.of(track, source.audience, "translated", source.id)


def _cues(cues: Sequence[Cue], lines: Lines, rules: RuleSet) -> tuple[Cue, ...]:
    """The cues at their times, with other words."""
    return tuple(
        msgspec.structs.replace(cue, lines=_fitted(cue, lines[number], rules))
        if number in lines
        else cue
        for number, cue in enumerate(cues, 1)
    )


def _fitted(cue: Cue, text: str, rules: RuleSet) -> tuple[str, ...]:
    return tuple(line for part in spoken_apart(cue, text) for line in fitted(part, rules))
