"""What many ask for at the same time."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.runtime.together import Together


class Kitchen:
    """Doubles numbers, when it is let; refuses thirteen."""

    def __init__(self) -> None:
        self.orders: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def cook(self, numbers: Sequence[int]) -> list[int]:
        """Twice of each."""
        self.orders.append([*numbers])
        await self.open.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * one for one in numbers]


@pytest.fixture
async def kitchen() -> Kitchen:
    """One that is open."""
    return Kitchen()


async def _asked(together: Together[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    async def ask(number: int) -> int:
        return await together(number)

    tasks = [asyncio.ensure_future(ask(one)) for one in numbers]
    await asyncio.sleep(0.01)
    return tasks


async def test_what_is_asked_at_the_same_time_is_done_at_once(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=10)
    assert await asyncio.gather(*(together(one) for one in (1, 2, 3))) == [2, 4, 6]
    assert kitchen.orders == [[1, 2, 3]]


async def test_what_is_asked_meanwhile_is_done_next_and_no_more_than_fit(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=2)
    kitchen.open.clear()
    first = await _asked(together, 1)
    later = await _asked(together, 2, 3, 4)
    kitchen.open.set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8]
    assert kitchen.orders == [[1], [2, 3], [4]]


async def test_after_a_pause_more_come_together_but_the_first_waits_for_nobody(
    kitchen: Kitchen,
) -> None:
    together = Together(kitchen.cook, most=10, pause=0.1)
    first = await _asked(together, 1)
    assert first[0].done()
    second, third = await _asked(together, 2), await _asked(together, 3)
    assert await asyncio.gather(*second, *third) == [4, 6]
    assert kitchen.orders == [[1], [2, 3]]


async def test_what_must_be_apart_is_and_the_rest_does_not_wait_for_it(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=10, apart=lambda number: number % 2)
    assert await asyncio.gather(*(together(one) for one in (1, 3, 2, 5))) == [2, 6, 4, 10]
    assert kitchen.orders == [[1, 2], [3], [5]]


async def test_a_failure_is_everybodys_and_the_next_are_served(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=10)
    answers = await asyncio.gather(*map(together, (1, 13)), return_exceptions=True)
    assert [repr(one) for one in answers] == ["ValueError('13')"] * 2
    assert await together(4) == 8


async def test_who_leaves_before_their_turn_is_not_served(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=10)
    kitchen.open.clear()
    first = await _asked(together, 1)
    leaving, staying = await _asked(together, 2, 3)
    leaving.cancel()
    kitchen.open.set()
    assert await asyncio.gather(*first, staying) == [2, 6]
    assert kitchen.orders == [[1], [3]]


async def test_who_leaves_in_the_middle_takes_nobody_along(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=10)
    kitchen.open.clear()
    leaving, staying = await _asked(together, 2, 3)
    leaving.cancel()
    await asyncio.sleep(0)
    kitchen.open.set()
    assert await staying == 6
    assert kitchen.orders == [[2, 3]]


async def test_an_act_that_is_cancelled_or_answers_too_little_leaves_nobody_waiting() -> None:
    async def cancelled(numbers: Sequence[int]) -> list[int]:
        raise asyncio.CancelledError

    async def too_little(numbers: Sequence[int]) -> list[int]:
        return [1]

    for act, error in ((cancelled, asyncio.CancelledError), (too_little, ValueError)):
        together = Together(act, most=2)
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*map(together, range(4)), return_exceptions=True)
        assert all(isinstance(one, error) for one in answers)


async def test_who_asks_for_much_takes_turns_with_the_others(kitchen: Kitchen) -> None:
    together = Together(kitchen.cook, most=2, apart=lambda number: number % 10)
    await asyncio.gather(*(together(one) for one in (1, 11, 21, 31, 2, 3)))
    assert kitchen.orders == [[1, 2], [3, 11], [21], [31]]
