"""The work of a text job that waits in the queue."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from jobs_service.generation.domain import Draft
from jobs_service.generation.kind import OrderText
from jobs_service.generation.problems import ProviderTooSlow
from jobs_service.generation.provider import Providers
from jobs_service.generation.repository import Texts
from jobs_service.generation.schemas import TextRequest, TextResult
from jobs_service.generation.use_cases import FindSameText
from jobs_service.jobs.domain import Job
from jobs_service.work.performing import Result
from jobs_service.work.progress import Progress
from shared.db.database import Transaction


@dataclass(frozen=True, slots=True)
class PerformText:
    """Writes a text, in so many `seconds` at most."""

    texts: Providers
    order: OrderText
    find_same: FindSameText
    seconds: float

    async def __call__(self, job: Job, progress: Progress) -> Result:
        """The text; raises what providers raise."""
        request = msgspec.json.decode(job.request, type=TextRequest)
        task = self.order.task(request)
        if same := await self.find_same(job.owner_id, task.order):
            return _given_again(job, same[1])
        draft = Draft(task.asked.messages)
        try:
            async with (
                asyncio.timeout(self.seconds),
                aclosing(self.texts.stream(task.provider, task.asked)) as pieces,
            ):
                async for piece in pieces:
                    draft.add(piece)
                    progress.reached = min(0.99, draft.pieces / request.max_tokens)
        except TimeoutError:
            limit = f"The text was not whole after {self.seconds:g} seconds."
            raise ProviderTooSlow(limit) from None
        result = TextResult.of(draft.whole(task.provider.name, task.model))
        return Result(result, spent=self.order.cost(task, result.usage))


def _given_again(job: Job, result: TextResult) -> Result:
    async def store(tx: Transaction) -> None:
        await Texts(tx).give_no_more(job.id)  # or it would be given again for ever

    return Result(result, store, spent=0)
