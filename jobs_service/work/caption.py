"""The work of a captions job: recognise the speech of the video, make cues."""

import asyncio
from dataclasses import dataclass

import msgspec

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.captions.track import make_track
from jobs_service.jobs.domain import Job
from jobs_service.parts.repository import Parts
from jobs_service.tracks.domain import MadeTrack, NewTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.work.performing import Result
from jobs_service.work.progress import Progress
from jobs_service.work.recognising import RecogniseVideo
from shared.db.database import Transaction


@dataclass(frozen=True, slots=True)
class CaptionVideo:
    """Makes tracks of videos."""

    recognise: RecogniseVideo

    async def __call__(self, job: Job, progress: Progress) -> Result:
        """The track of the job's video; raises the Problems of `recognise`."""
        asked = msgspec.json.decode(job.request, type=CaptionsRequest)
        transcript = await self.recognise(
            job, asked.video_id, asked.language, asked.provider, progress
        )
        track = await asyncio.to_thread(make_track, transcript, asked.audience)
        new = NewTrack.of(track, asked.audience, "recognised")

        async def store(tx: Transaction) -> None:
            await Tracks(tx).add_of_job(job.id, new)
            await Parts(tx).forget(job)

        return Result(shown=MadeTrack(new.id), store=store)
