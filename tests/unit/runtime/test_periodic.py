import asyncio
from contextlib import suppress

import pytest

from shared.errors import Unavailable
from shared.runtime.periodic import periodic


class Work:
    """Counts its turns; some of them fail."""

    def __init__(self, **fails: Exception) -> None:
        self.turns = 0
        self._fails = fails

    async def __call__(self) -> None:
        self.turns += 1
        if error := self._fails.get(f"turn{self.turns}"):
            raise error


async def run_for(seconds: float, work: Work, every: float) -> bool:
    """Run `work` as a component; whether it was ready."""
    ready = asyncio.Event()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await periodic("sweeper", every, work).run(ready.set)
    return ready.is_set()


async def test_work_begins_at_once_and_the_component_is_ready() -> None:
    work = Work()
    assert await run_for(0.05, work, every=60)
    assert work.turns == 1


async def test_work_is_done_again_and_again() -> None:
    work = Work()
    await run_for(0.2, work, every=0.001)
    assert work.turns > 2


async def test_what_is_away_is_left_for_the_next_time() -> None:
    work = Work(turn1=Unavailable("The database is away."))
    await run_for(0.2, work, every=0.001)
    assert work.turns > 2


async def test_a_bug_ends_the_component() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_for(5, Work(turn2=ZeroDivisionError()), every=0.001)
