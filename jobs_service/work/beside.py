"""Doing two things at once, of which one only accompanies the other."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import TypeVar

T = TypeVar("T")


async def accompanied(work: Awaitable[T], beside: Coroutine[None, None, None]) -> T:
    """What `work` gives; `beside` ends with it, and what `beside` raises ends `work`.

    Of several errors the first is raised, as itself and not in a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            companion = group.create_task(beside)
            try:
                return await work
            finally:
                companion.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
