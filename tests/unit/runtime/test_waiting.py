import asyncio

import pytest

from shared.runtime.waiting import all_done, found_within, happens_within


async def test_what_has_happened_is_not_waited_for() -> None:
    event = asyncio.Event()
    event.set()
    assert await happens_within(60, event)


async def test_what_happens_meanwhile_ends_the_waiting() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, event.set)
    assert await happens_within(60, event)


async def test_what_does_not_happen_is_waited_for_no_longer() -> None:
    assert not await happens_within(0.01, asyncio.Event())


async def test_all_are_done_though_one_fails_and_then_it_is_told() -> None:
    done: list[int] = []

    async def do(number: int) -> None:
        await asyncio.sleep(number / 100)
        if number == 1:
            raise ValueError("1")
        done.append(number)

    with pytest.raises(ValueError, match="1"):
        await all_done([do(1), do(2), do(0)])
    assert done == [0, 2]


async def test_what_is_not_there_yet_is_looked_for_again_until_it_is_or_time_is_up() -> None:
    looks = iter(["", "", "found", "never asked for"])

    async def look() -> str:
        return next(looks)

    async def nothing() -> str:
        return ""

    assert await found_within(60, look) == "found"
    assert next(looks) == "never asked for"
    assert await found_within(0.03, nothing) == ""
