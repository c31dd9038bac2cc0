"""What a worker hears: wake-ups, which may be lost, since the rows are the truth."""

import msgspec

from jobs_service.events import JobCancelled, JobQueued
from jobs_service.work.worker import Worker
from shared.messaging.broker import Broadcast
from shared.messaging.event import Envelope


def broadcasts(worker: Worker) -> tuple[Broadcast, ...]:
    """A job was queued: claim. A job was cancelled: stop it at once."""

    async def queued(_: Envelope) -> None:
        worker.wake()

    async def cancelled(envelope: Envelope) -> None:
        worker.look_at(msgspec.json.decode(envelope.data, type=JobCancelled).job_id)

    async def caught_up() -> None:
        worker.wake()

    return (
        Broadcast("jobs.worker-wake", (JobQueued.TYPE,), queued, caught_up),
        Broadcast("jobs.worker-cancel", (JobCancelled.TYPE,), cancelled),
    )
