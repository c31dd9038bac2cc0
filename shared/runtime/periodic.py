"""Components that do the same small piece of work again and again: pruners and sweepers."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.runtime.service import Component, Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)


def periodic(
    name: str,
    seconds: float,
    work: Callable[[], Awaitable[object]],
    woken: asyncio.Event | None = None,
) -> Component:
    """A component that does `work` at its start and `seconds` after each time, until cancelled;
    sooner when it is `woken`.

    While something it needs is away (`Unavailable`) it waits for the next time, and says so.
    """

    wake = woken or asyncio.Event()

    async def run(ready: Ready) -> None:
        ready()
        while True:
            wake.clear()
            try:
                await work()
            except Unavailable as error:
                log.warning(
                    "left_for_next_time", component=name, error=repr(error.__cause__ or error)
                )
            await happens_within(seconds, wake)

    return Component(name, run)
