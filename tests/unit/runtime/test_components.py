"""A component that ends by itself is never missed in silence."""

import asyncio

from shared.runtime.components import Components
from shared.runtime.service import Component, Ready


async def test_a_component_that_is_ended_by_what_it_waits_for_has_crashed() -> None:
    async def run(ready: Ready) -> None:
        ready()
        cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        await cancelled

    crashed = asyncio.Event()
    components = Components({"one": Component("one", run)}, crashed.set)
    components.start()
    async with asyncio.timeout(5):
        await crashed.wait()
    assert components.crashed


async def test_a_component_that_is_told_to_end_has_not_crashed() -> None:
    async def run(ready: Ready) -> None:
        ready()
        await asyncio.Event().wait()

    crashed = asyncio.Event()
    components = Components({"one": Component("one", run)}, crashed.set)
    components.start()
    await components.ready()
    assert await components.stop(5)
    assert not components.crashed
    assert not crashed.is_set()
