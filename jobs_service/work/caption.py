"""The work of a captions job: fetch the video, recognise its speech, make cues."""

import asyncio
from dataclasses import dataclass

import msgspec

from jobs_service.captions.recognise import recognise
from jobs_service.captions.repository import Tracks
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.captions.track import make_track
from jobs_service.jobs.domain import Job
from jobs_service.work.performing import Result
from jobs_service.work.progress import Progress
from jobs_service.work.sources import Sources
from shared.db.database import Transaction
from shared.runtime.children import Limits


@dataclass(frozen=True, slots=True)
class CaptionVideo:
    """`limits` bound the process that decodes and recognises."""

    sources: Sources
    limits: Limits

    async def __call__(self, job: Job, progress: Progress) -> Result:
        """The track of the job's video; raises the Problems of `sources` and of `recognise`."""

        async def report(reached: float) -> None:
            progress.reached = reached

        asked = msgspec.json.decode(job.request, type=CaptionsRequest)
        async with self.sources.fetch(asked.video_id) as path:
            transcript = await recognise(path, asked.language, report, self.limits)
        track = await asyncio.to_thread(make_track, transcript)

        async def store(tx: Transaction) -> None:
            await Tracks(tx).add(job.id, track)

        return Result(store=store)
