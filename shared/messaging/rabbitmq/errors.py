"""What aio-pika raises, in the words of the port."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.errors import Unavailable


@contextmanager
def unavailable_when_lost() -> Iterator[None]:
    """Turn every sign of a lost or refused connection, time-outs included, into `Unavailable`.

    aiormq cancels what waits for a connection that closes; a cancellation that nobody asked of
    this task means just that.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable("RabbitMQ closed the connection.") from error
    except CONNECTION_EXCEPTIONS as error:
        raise Unavailable(f"RabbitMQ cannot be reached: {error!r}") from error
