"""A text for somebody who waits: given again, or written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from jobs_service.credits.opening import with_account
from jobs_service.generation.kind import OrderText
from jobs_service.generation.problems import GenerationBusy, TextCutOff
from jobs_service.generation.schemas import GenerateAnswer, TextRequest, TextResult
from jobs_service.generation.use_cases import BeginText, FindSameText
from jobs_service.generation.writing import Audience, WriteText
from jobs_service.jobs.domain import Job, JobStatus
from shared.security.principal import UserId


class Places:
    """How many texts this process may write at the same time."""

    def __init__(self, number: int) -> None:
        self._free = number

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place while the context lasts; raises GenerationBusy."""
        if not self._free:
            raise GenerationBusy(headers={"retry-after": "1"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


@dataclass(frozen=True, slots=True)
class Generate:
    """What `POST /api/v2/generate` does."""

    order: OrderText
    find_same: FindSameText
    places: Places
    begin: BeginText
    write: WriteText

    async def __call__(
        self, owner: UserId, request: TextRequest, key: str | None, audience: Audience
    ) -> GenerateAnswer:
        """The text; raises what `order`, `begin` and `write` raise, and GenerationBusy."""
        task = self.order.task(request)
        if before := await self.begin.before(owner, request, key):
            return await _again(before, audience)
        if same := await self.find_same(owner, task.order):
            return GenerateAnswer.of(*same, 0)
        with self.places.one():
            job = await with_account(
                self.begin.database, owner, lambda: self.begin(owner, request, task.order, key)
            )
            if job.status is JobStatus.RUNNING:
                return await self.write(job, task, audience)
        return await _again(job, audience)


async def _again(job: Job, audience: Audience) -> GenerateAnswer:
    """The answer that was given before."""
    result = msgspec.json.decode(job.result or "", type=TextResult)
    if job.status is JobStatus.SUCCEEDED:
        return GenerateAnswer.of(job.id, result, job.spent or 0)
    if audience.show:
        await audience.show(result.text)
    raise TextCutOff(
        f"It broke off then: {job.error_detail} Ask for another with a new Idempotency-Key.",
        members={"job_id": str(job.id), "credits": job.spent},
    )
