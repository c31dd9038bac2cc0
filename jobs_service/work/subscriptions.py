"""What a worker hears: wake-ups, which may be lost, since the rows are the truth."""

import msgspec

from jobs_service.events import JobCancelled, JobQueued, PartSettled, PartsWaiting
from jobs_service.work.helping import Helping
from jobs_service.work.part_news import PartNews
from jobs_service.work.worker import Worker
from shared.messaging.broker import Broadcast
from shared.messaging.event import Envelope


def broadcasts(worker: Worker, helping: Helping, news: PartNews) -> tuple[Broadcast, ...]:
    """A job was queued: claim. A job was cancelled: stop it at once. Parts wait: help."""

    async def queued(_: Envelope) -> None:
        worker.wake()

    async def cancelled(envelope: Envelope) -> None:
        worker.look_at(msgspec.json.decode(envelope.data, type=JobCancelled).job_id)

    async def caught_up() -> None:
        helping.look()
        worker.wake()

    async def parts_waiting(_: Envelope) -> None:
        await caught_up()

    async def part_settled(envelope: Envelope) -> None:
        news.hear_settled(msgspec.json.decode(envelope.data, type=PartSettled).job_id)

    return (
        Broadcast("jobs.worker-wake", (JobQueued.TYPE,), queued, caught_up),
        Broadcast("jobs.worker-cancel", (JobCancelled.TYPE,), cancelled),
        Broadcast("jobs.worker-help", (PartsWaiting.TYPE,), parts_waiting),
        Broadcast("jobs.worker-parts", (PartSettled.TYPE,), part_settled),
    )
