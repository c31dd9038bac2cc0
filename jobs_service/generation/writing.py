"""Writing a text while its owner waits: the piece between two transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass

from jobs_service.generation.domain import Delta, Draft
from jobs_service.generation.kind import OrderText, Task
from jobs_service.generation.problems import ProviderTooSlow, TextStopped
from jobs_service.generation.provider import Providers
from jobs_service.generation.schemas import GenerateAnswer, TextResult
from jobs_service.generation.use_cases import BreakOff
from jobs_service.jobs.domain import Job
from jobs_service.jobs.queue import Queue
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import FinishJob, JobLost
from shared.clock import Clock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.errors import Problem
from shared.observability.logging import get_logger

log = get_logger(__name__)

Show = Callable[[str], Awaitable[None]]


class ClientLeft(Exception):  # noqa: N818 - reads as what happened
    """Whoever waited for the text does so no more."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whoever waits: `left` returns when they have left; `show`, where they read along, hands them
    some more. They wait for so many `seconds`."""

    left: Callable[[], Awaitable[None]]
    show: Show | None
    seconds: float


@dataclass(frozen=True, slots=True)
class WriteText:
    """Performs the job of a text in this process; `lease` is in seconds."""

    database: Database
    finish: FinishJob
    texts: Providers
    order: OrderText
    clock: Clock
    lease: float

    async def __call__(self, job: Job, task: Task, audience: Audience) -> GenerateAnswer:
        """The text, once it is whole and paid for.

        Raises ClientLeft, TextStopped, and what providers raise. Then nothing was paid, or, where
        some was shown, a part.
        """
        draft, began = Draft(task.asked.messages), self.clock.monotonic()
        try:
            await attended(
                self._write(task, draft, audience), _leaving(audience), self._keep_lease(job)
            )
        except JobLost:
            raise TextStopped("Its job was ended.") from None
        except BaseException as end:
            spent = await self._break_off(job, task, draft if audience.show else None, end)
            if isinstance(end, Problem):
                end.members |= {"job_id": str(job.id), "credits": spent}
            raise
        result = TextResult.of(draft.whole(task.provider.name, task.model))
        spent = self.order.cost(task, result.usage)
        try:
            await self.finish(job, Result(result, spent=spent))
        except JobLost:
            raise TextStopped("Its job was ended before it was paid for.") from None
        self._log("text_written", job, result, spent, began)
        return GenerateAnswer.of(job.id, result, spent)

    async def _write(self, task: Task, draft: Draft, audience: Audience) -> None:
        try:
            async with (
                asyncio.timeout(audience.seconds),
                aclosing(self.texts.stream(task.provider, task.asked)) as pieces,
            ):
                async for piece in pieces:
                    draft.add(piece)
                    if audience.show and isinstance(piece, Delta):
                        await audience.show(piece.text)
        except TimeoutError:
            limit = f"The text was not whole after {audience.seconds:g} seconds."
            raise ProviderTooSlow(limit) from None

    async def _keep_lease(self, job: Job) -> None:
        renewed = self.clock.monotonic()
        while True:
            await asyncio.sleep(self.lease / 3)
            now = self.clock.monotonic()
            try:
                if not await Queue(self.database).heartbeat(job, self.lease, 0.0):
                    raise JobLost
                renewed = now
            except DatabaseAway:
                log.warning("heartbeat_failed", job_id=job.id)
                if now - renewed > self.lease:
                    raise JobLost from None

    async def _break_off(
        self, job: Job, task: Task, shown: Draft | None, end: BaseException
    ) -> int:
        """End the job; the credits that were spent on what was `shown`."""
        part, spent = None, 0
        if shown is not None and shown.text:
            part = TextResult(shown.text, task.provider.name, task.model, shown.usage)
            spent = self.order.cost(task, part.usage)
        code, detail = _told(end)
        try:
            await BreakOff(self.database)(job, code, detail, part, spent)
        except (JobLost, DatabaseAway) as error:
            # the row keeps saying `running`; its lease will end, and the sweeper give all back
            log.warning("text_outcome_not_written", job_id=job.id, error=repr(error))
            return 0
        log.info("text_broke_off", job_id=job.id, code=code, credits=spent)
        return spent

    def _log(self, event: str, job: Job, result: TextResult, spent: int, began: float) -> None:
        log.info(
            event,
            job_id=job.id,
            provider=result.provider,
            model=result.model,
            prompt=result.usage.prompt_tokens,
            completion=result.usage.completion_tokens,
            credits=spent,
            seconds=round(self.clock.monotonic() - began, 3),
        )


async def _leaving(audience: Audience) -> None:
    await audience.left()
    raise ClientLeft


async def attended(
    work: Coroutine[None, None, None], *watching: Coroutine[None, None, None]
) -> None:
    """Do `work` until it is done, or one of those who watch raises."""
    try:
        async with asyncio.TaskGroup() as group:
            watchers = [group.create_task(one) for one in watching]
            await work
            for one in watchers:
                one.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


def _told(end: BaseException) -> tuple[str, str]:
    """Why a text broke off, as its job says it."""
    if isinstance(end, Problem):
        return end.code, end.detail
    if isinstance(end, ClientLeft):
        return "client_left", "Whoever asked for the text did not wait for it."
    if isinstance(end, asyncio.CancelledError):
        return "interrupted", "The process that wrote the text was stopped."
    return "internal_error", "Something went wrong on our side."
