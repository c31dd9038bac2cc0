import asyncio

from shared.runtime.waiting import happens_within


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
