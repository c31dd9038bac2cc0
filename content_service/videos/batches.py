"""Work of unknown size, a batch a transaction."""

from collections.abc import Awaitable, Callable

from content_service.videos.repository import BATCH


async def in_batches(step: Callable[[], Awaitable[int]]) -> int:
    """Run `step` until it finds less than a full batch; how many it found in all."""
    done = found = await step()
    while found == BATCH:
        found = await step()
        done += found
    return done
