"""Works on one queue: takes messages as they come, at most so many at a time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from shared.errors import Unavailable
from shared.messaging.rabbitmq.errors import unavailable_when_lost
from shared.observability.logging import get_logger

log = get_logger(__name__)

Work = Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]]
"""Handles one message and acknowledges it, and raises nothing."""

_TIMEOUT = 5.0


class Consumer:
    """Runs `work` on each message, as a task of `tasks`.

    Not as a task of aiormq: it cancels its own when the connection closes, and a handler under
    way is to finish all the same.
    """

    def __init__(
        self, channel: AbstractChannel, queue: AbstractQueue, work: Work, tasks: asyncio.TaskGroup
    ) -> None:
        self._channel = channel
        self._queue = queue
        self._work = work
        self._tasks = tasks
        self._under_way: set[asyncio.Task[None]] = set()
        self._tag = ""
        self._stopping = False

    async def start(self, concurrency: int) -> None:
        """Begin to consume; the queue's channel serves nothing else."""
        await self._channel.set_qos(prefetch_count=concurrency)
        self._tag = await self._queue.consume(self._received)

    async def stop(self) -> None:
        """Take nothing new, and wait until what is under way has been acknowledged."""
        self._stopping = True
        try:
            with unavailable_when_lost():
                await self._queue.cancel(self._tag, timeout=_TIMEOUT)
        except Unavailable as error:
            log.warning("consumer_not_cancelled", queue=self._queue.name, error=error.detail)
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _received(self, message: AbstractIncomingMessage) -> None:
        if self._stopping:
            return  # it returns to the queue when the connection closes
        task = self._tasks.create_task(self._work(message))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
