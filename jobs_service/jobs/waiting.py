"""How long a job that waits will wait: its place, and when it may start."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import text

from jobs_service.jobs.domain import Job, JobStatus
from shared.clock import Clock
from shared.db.executor import Executor

_RECENT = 50
# Users take turns. Before the n-th job of a user comes up, every other user has had n - 1 turns,
# and one more if theirs is next; nobody has more turns than jobs.
_PLACE = text(
    """
WITH mine AS (
    SELECT lanes.*, (
        SELECT count(*) FROM jobs earlier
        WHERE earlier.owner_id = lanes.owner_id AND earlier.status = 'queued' AND earlier.due
          AND (-earlier.priority, earlier.run_after, earlier.id) < (:rank, :run_after, :job)
    ) AS ahead
    FROM lanes WHERE owner_id = :owner
)
SELECT mine.ahead + coalesce((
    SELECT sum(least(other.waiting, mine.ahead + CASE
        WHEN (other.running, other.turn) < (mine.running, mine.turn) THEN 1 ELSE 0 END))
    FROM lanes other WHERE other.waiting > 0 AND other.owner_id <> mine.owner_id
), 0) AS ahead, (SELECT coalesce(sum(running), 0) FROM lanes WHERE running > 0) AS running
FROM mine
"""
)
_PACE = text(
    """
SELECT extract(epoch FROM avg(finished_at - started_at)) AS seconds FROM (
    SELECT finished_at, started_at FROM jobs WHERE status = 'succeeded' AND NOT direct
    ORDER BY finished_at DESC LIMIT :recent
) recent
"""
)


class Wait(msgspec.Struct, frozen=True):
    """A place in the queue, from 1, and when the job may start, where that can be said."""

    position: int
    estimated_start: datetime | None


@dataclass(frozen=True, slots=True)
class EstimateWait:
    """Reckons with what runs now, and with how long the last jobs took."""

    executor: Executor
    clock: Clock

    async def __call__(self, job: Job) -> Wait | None:
        """None for a job that does not wait, or waits for its hour."""
        if job.status is not JobStatus.QUEUED or job.run_after > self.clock.now():
            return None
        asked = {
            "owner": job.owner_id,
            "job": job.id,
            "rank": -job.priority,
            "run_after": job.run_after,
        }
        place = await self.executor.one(_PLACE, asked)
        if place is None:
            return None
        pace = await self.executor.one(_PACE, {"recent": _RECENT})
        if pace is None or pace.seconds is None:
            return Wait(int(place.ahead) + 1, None)
        seconds = float(pace.seconds) * int(place.ahead) / max(1, int(place.running))
        return Wait(int(place.ahead) + 1, self.clock.now() + timedelta(seconds=seconds))
