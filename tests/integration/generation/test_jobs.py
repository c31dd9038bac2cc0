"""Texts as jobs that workers come to."""

import msgspec
import pytest

from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.generation.building import performers
from jobs_service.generation.problems import ContentRefused
from jobs_service.generation.schemas import TextRequest, TextResult
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.submit import RetryJob, SubmitJob
from jobs_service.jobs.use_cases import FindJob
from jobs_service.work.performing import Perform
from jobs_service.work.progress import Progress
from jobs_service.work.use_cases import ClaimJob, FailJob, FinishJob
from shared.errors import Invalid
from tests.integration.generation.conftest import WELCOME, Writer, kinds_of
from tests.support.chat_server import ChatServer, ending, refused, said, word


def performer(writer: Writer) -> Perform:
    """What a worker does; it builds it of the same things."""
    return performers(writer.base)["text"]  # type: ignore[arg-type]


def submitting(writer: Writer) -> SubmitJob:
    return SubmitJob(writer.base.database, kinds_of(writer), writer.base.clock)


async def claimed(writer: Writer, request: TextRequest) -> Job:
    await submitting(writer)(writer.owner, request, None)
    job = await ClaimJob(writer.base.database, "worker", 60, 10)()
    assert job is not None
    return job


async def performed(writer: Writer, request: TextRequest) -> tuple[Job, TextResult]:
    job = await claimed(writer, request)
    result = await performer(writer)(job, Progress())
    await FinishJob(writer.base.database)(job, result)
    found = await Jobs(writer.base.database).find(writer.owner, job.id)
    assert found is not None
    assert found.result is not None
    return found, msgspec.json.decode(found.result, type=TextResult)


async def test_a_worker_writes_a_text_and_what_it_took_is_spent(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [said("Hello", usage=(1400, 300))]
    job, result = await performed(writer, TextRequest(prompt="x" * 2000, max_tokens=1000))
    assert (job.status, job.price, job.spent) == (JobStatus.SUCCEEDED, 5, 2)
    assert (result.text, result.provider, result.cached) == ("Hello", "openai", False)
    assert await writer.balance() == Balance(WELCOME - 2, 0)


async def test_how_far_it_is_can_be_seen(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [[word("a"), word("b"), *ending()]]
    job, progress = await claimed(writer, TextRequest(prompt="Hi", max_tokens=4)), Progress()
    await performer(writer)(job, progress)
    assert progress.reached == 0.5


async def test_a_failure_is_the_jobs_and_gives_all_back(writer: Writer, chat: ChatServer) -> None:
    chat.replies = [refused(400, "content_filter")]
    job = await claimed(writer, TextRequest(prompt="Hi"))
    with pytest.raises(ContentRefused) as raised:
        await performer(writer)(job, Progress())
    await FailJob(writer.base.database)(job, raised.value.code, raised.value.detail)
    assert await writer.balance() == Balance(WELCOME, 0)


async def test_a_text_may_be_given_again_for_nothing_but_not_for_ever(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [said("First")]
    request = TextRequest(prompt="Hi", cache=True)
    first, _ = await performed(writer, request)
    again, result = await performed(writer, request)
    assert (result.text, result.cached, again.spent) == ("First", True, 0)
    assert await writer.balance() == Balance(WELCOME - 1, 0)
    found = await writer.ask(prompt="Hi", cache=True)
    assert found["id"] == str(first.id), "a copy is not copied"


async def test_the_same_text_under_way_is_that_job(writer: Writer) -> None:
    submit, request = submitting(writer), TextRequest(prompt="Hi", cache=True)
    first = await submit(writer.owner, request, None)
    assert (await submit(writer.owner, request, None)).id == first.id
    assert (await writer.ask(409, prompt="Hi", cache=True))["code"] == "request_in_progress"


async def test_what_is_wrong_is_named_before_it_costs(writer: Writer) -> None:
    with pytest.raises(Invalid) as raised:
        await submitting(writer)(writer.owner, TextRequest(), None)
    assert raised.value.errors[0].field == "prompt"
    assert await Credits(writer.base.database).balance(writer.owner) == Balance(WELCOME, 0)


async def test_a_text_that_failed_at_a_connection_can_be_tried_again_as_a_job(
    writer: Writer, chat: ChatServer
) -> None:
    chat.replies = [refused(400, "content_filter")]
    told = await writer.ask(422)
    database = writer.base.database
    retry = RetryJob(FindJob(database), submitting(writer))
    failed = await writer.job(told["job_id"])
    job = await retry(writer.owner, failed.id, None)
    assert (job.status, job.retry_of) == (JobStatus.QUEUED, failed.id)
    assert msgspec.json.decode(job.request, type=TextRequest).prompt == "Say hello"
