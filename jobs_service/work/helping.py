"""What a worker does when no job waits for it: parts of the jobs of others."""

from uuid import UUID

from jobs_service.parts.domain import Part, PartLost
from jobs_service.parts.repository import Parts
from jobs_service.work.parts import RecognisePart
from jobs_service.work.progress import Progress
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.errors import Problem
from shared.observability import context
from shared.observability.logging import get_logger

log = get_logger(__name__)

ATTEMPTS = 2
"""How often others try a part; then it is left to the worker that holds the job."""


class Helping:
    """Claims parts in the name of `worker` and recognises them.

    It looks for parts only when there is news of some, or when it is told to, so that an idle
    worker asks the database nothing for every job that comes.
    """

    def __init__(self, database: Database, recognise: RecognisePart, worker: str) -> None:
        self._parts = Parts(database)
        self._recognise = recognise
        self._worker = worker
        # also a part that was lost, is stopping still, and has been claimed again
        self._running: dict[Part, Progress] = {}
        self._may_find_some = True

    @property
    def under_way(self) -> int:
        """How many parts are being recognised."""
        return len(self._running)

    def look(self) -> None:
        """There may be parts to take up."""
        self._may_find_some = True

    def look_at(self, job_id: UUID) -> None:
        """The job may have been cancelled: find out now and not at the next heartbeat."""
        for part, progress in self._running.items():
            if part.job_id == job_id:
                progress.look.set()

    async def claim(self) -> Part | None:
        """A part to be recognised, which counts as under way from now on."""
        if not self._may_find_some:
            return None
        try:
            part = await self._parts.claim_any(
                self._worker, self._recognise.lease, ATTEMPTS, [*self._recognise.providers]
            )
        except DatabaseAway:
            log.warning("part_claim_failed")
            return None
        if part is None:
            self._may_find_some = False
        else:
            self._running[part] = Progress()
        return part

    async def perform(self, part: Part) -> None:
        """Recognise it; what goes wrong is for the worker that holds the job to find, too."""
        context.bind(f"job-{part.job_id}", "")
        told = {"job_id": part.job_id, "part": part.number}
        try:
            await self._recognise(part, self._running[part])
        except PartLost:
            log.info("part_lost", **told)
        except Problem as problem:
            log.warning("part_failed", **told, code=problem.code, detail=problem.detail)
        except Exception:
            log.exception("part_crashed", **told)
        finally:
            del self._running[part]
            self.look()
