"""What only texts need of the rows of jobs: those under way, those that may be given again, and
the end of what they say."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, select, update

from jobs_service.generation.schemas import TextResult
from jobs_service.jobs.domain import JobStatus
from jobs_service.tables import jobs
from shared.db.executor import Executor
from shared.security.principal import UserId

FORGOTTEN = '{"type":"text"}'
"""What is left of a request when its prompt is not kept any longer."""

_ARE_TEXTS = jobs.c.type == "text"
_RUNNING = select(func.count().label("texts")).where(
    jobs.c.owner_id == bindparam("owner"), jobs.c.status == JobStatus.RUNNING, jobs.c.direct
)
_FIND_SAME = (
    select(jobs.c.id, jobs.c.result)
    .where(
        jobs.c.owner_id == bindparam("owner"),
        jobs.c.same_as == bindparam("same_as"),
        jobs.c.status == JobStatus.SUCCEEDED,
        _ARE_TEXTS,
        jobs.c.finished_at > bindparam("since"),
    )
    .order_by(jobs.c.finished_at.desc())
    .limit(1)
)
_GIVE_NO_MORE = update(jobs).where(jobs.c.id == bindparam("job")).values(same_as=None)
_FORGET = (
    update(jobs)
    .where(
        _ARE_TEXTS,
        jobs.c.request != FORGOTTEN,
        jobs.c.finished_at < bindparam("before"),
    )
    .values(request=FORGOTTEN, result=None, same_as=None)
)


class Texts:
    """Jobs that are texts."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def running(self, owner: UserId) -> int:
        """How many are being written for `owner`, who waits for them."""
        row = await self._executor.one(_RUNNING, {"owner": owner})
        return int(row.texts) if row else 0

    async def same(
        self, owner: UserId, same_as: str, since: datetime
    ) -> tuple[UUID, TextResult] | None:
        """What the same request of `owner` came to, later than `since`, and in which job."""
        params = {"owner": owner, "same_as": same_as, "since": since}
        row = await self._executor.one(_FIND_SAME, params)
        return (row.id, msgspec.json.decode(row.result, type=TextResult)) if row else None

    async def give_no_more(self, job_id: UUID) -> None:
        """Let the result of this job be no answer to others."""
        await self._executor.run(_GIVE_NO_MORE, {"job": job_id})

    async def forget(self, before: datetime) -> int:
        """Remove what was said, and written, in jobs that ended before; how many."""
        return await self._executor.run(_FORGET, {"before": before})
