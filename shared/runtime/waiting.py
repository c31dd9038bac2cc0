"""Waiting: for something that may happen, but not for ever, and for all of many things."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def happens_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for `event`, `seconds` at most; whether it happened."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def all_done(calls: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Await every call, whatever becomes of the others, then raise the first failure."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
