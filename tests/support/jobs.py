"""Jobs as clients ask for them, and as workers finish them."""

from typing import Any
from uuid import UUID

from jobs_service.captions.kind import OrderCaptions
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.captions.track import Track
from jobs_service.credits.prices import PriceList
from jobs_service.jobs.domain import Job
from jobs_service.jobs.kinds import JobKind
from jobs_service.jobs.repository import NEW_JOB
from jobs_service.jobs.submit import SubmitJob
from jobs_service.recognition.offers import Offers
from jobs_service.tracks.domain import MadeTrack, NewTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.videos.use_cases import FindVideo
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import FinishJob
from shared.clock import SystemClock
from shared.db.database import Database, Transaction
from shared.ids import uuid7
from shared.security.principal import UserId


def submitting(database: Database, patience: float = 1.0, find_video: Any = None) -> SubmitJob:
    """What submits captions jobs."""
    order = OrderCaptions(
        find_video or FindVideo(database, patience=patience),
        PriceList(),
        Offers.of(("sphinx",), ""),
    )
    return SubmitJob(database, {CaptionsRequest: JobKind(CaptionsRequest, order)}, SystemClock())


def captioned(job: Job, track: Track) -> Result:
    """What a worker has made of a captions job."""
    new = NewTrack.of(track, "adult", "recognised")

    async def store(tx: Transaction) -> None:
        await Tracks(tx).add_of_job(job.id, new)

    return Result(shown=MadeTrack(new.id), store=store)


async def finish(database: Database, job: Job, track: Track) -> Job:
    """End a captions job as its worker does."""
    return await FinishJob(database)(job, captioned(job, track))


def new_row(owner: UserId, video_id: UUID, price: int = 0) -> dict[str, Any]:
    """A captions job that waits, as `Jobs.add` takes it; nothing is held for it."""
    now = SystemClock().now()
    return {
        **NEW_JOB,
        "id": uuid7(),
        "owner_id": owner,
        "type": "captions",
        "video_id": video_id,
        "language": "en",
        "same_as": f"{video_id} en",
        "price": price,
        "run_after": now,
        "created_at": now,
    }
