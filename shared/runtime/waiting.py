"""Waiting with an end: for something that may happen, but no longer than so many seconds."""

import asyncio


async def happens_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for `event`, `seconds` at most; whether it happened."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
