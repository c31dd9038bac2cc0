"""The work of a captions job: fetch the video, recognise its speech, make cues."""

import asyncio
from dataclasses import dataclass

from jobs_service.captions.recognise import recognise
from jobs_service.captions.track import Track, make_track
from jobs_service.jobs.domain import Job
from jobs_service.work.progress import Progress
from jobs_service.work.sources import Sources
from shared.runtime.children import Limits


@dataclass(frozen=True, slots=True)
class CaptionVideo:
    """`limits` bound the process that decodes and recognises."""

    sources: Sources
    limits: Limits

    async def __call__(self, job: Job, progress: Progress) -> Track:
        """The track of the job's video; raises the Problems of `sources` and of `recognise`."""

        async def report(reached: float) -> None:
            progress.reached = reached

        async with self.sources.fetch(job.video_id) as path:
            transcript = await recognise(path, job.language, report, self.limits)
        return await asyncio.to_thread(make_track, transcript)
