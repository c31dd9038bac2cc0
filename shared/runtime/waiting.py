"""Waiting: for something that may happen, but not for ever, and for all of many things."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def happens_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for `event`, `seconds` at most; whether it happened."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def found_within(seconds: float, look: Callable[[], Awaitable[T]]) -> T:
    """What `look` finds; while that is nothing, it is asked again, ever less often, so long."""
    waited, step = 0.0, 0.02
    while not (found := await look()) and waited < seconds:
        await asyncio.sleep(step)
        waited, step = waited + step, step * 2
    return found


async def all_done(calls: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Await every call, whatever becomes of the others, then raise the first failure."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
