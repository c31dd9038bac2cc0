"""The work of a burn-in job: fetch the video, draw on it, and hand in the copy."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from jobs_service.burn_in.copies import Copies
from jobs_service.burn_in.domain import Rendering
from jobs_service.burn_in.kind import require_drawable
from jobs_service.burn_in.rendering import render
from jobs_service.burn_in.schemas import BurnInRequest, BurnInResult
from jobs_service.jobs.domain import Job
from jobs_service.tracks.choosing import ChooseTrack, Chosen
from jobs_service.tracks.repository import Tracks
from jobs_service.work.performing import Result
from jobs_service.work.progress import Progress
from jobs_service.work.sources import Sources
from shared.runtime.children import Limits

_TO_RENDER = 0.95
"""The share of drawing in the whole; the rest is to hand in the copy."""


@dataclass(frozen=True, slots=True)
class BurnIn:
    """Makes copies of videos; `fonts` are paths."""

    choose_track: ChooseTrack
    sources: Sources
    copies: Copies
    fonts: tuple[str, ...]
    limits: Limits

    async def __call__(self, job: Job, progress: Progress) -> Result:
        """The copy, which an earlier attempt may have made already.

        Raises what ordering, `render`, `sources` and `copies` raise.
        """
        request = msgspec.json.decode(job.request, type=BurnInRequest)
        chosen = await self.choose_track.for_work(job.owner_id, request)
        left_out = await asyncio.to_thread(require_drawable, chosen.content.cues, self.fonts)
        track = chosen.track
        made = await self.copies.made(track.video_id, job.id)
        if made is None:
            made = await self._make(job.id, chosen, progress)
        number = chosen.content.version.number
        return Result(BurnInResult(made, track.video_id, track.id, number, left_out))

    async def _make(self, job_id: UUID, chosen: Chosen, progress: Progress) -> UUID:
        track = chosen.track
        transcript = await Tracks(self.choose_track.database).transcript(track.id)
        async with self.sources.fetch(track.video_id) as video:
            with self.sources.scratch.file() as (_, copy):
                task = Rendering(
                    str(video), str(copy), self.fonts, chosen.content.cues, transcript.duration
                )
                await render(task, _share(progress, 0.0, _TO_RENDER), self.limits)
                handed_in = _share(progress, _TO_RENDER, 1.0)
                return await self.copies.keep(
                    track.video_id, job_id, track.language, copy, handed_in
                )


def _share(progress: Progress, begin: float, end: float) -> Callable[[float], Awaitable[None]]:
    """Reports of a stretch of the whole."""

    async def report(reached: float) -> None:
        progress.reached = max(progress.reached, begin + (end - begin) * reached)

    return report
