"""A listener hears on, whatever becomes of one message, and ends when it is told to."""

import asyncio

import pytest

from shared.messaging.broker import Broadcast
from shared.messaging.delivery import hear
from shared.messaging.envelopes import Envelopes
from shared.messaging.event import Envelope
from tests.support.messaging import Counted

ONE = Envelopes("tests").of(Counted(1))


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("no")])
async def test_what_a_listener_meets_with_does_not_end_it(error: BaseException) -> None:
    async def handle(_: Envelope) -> None:
        raise error

    await asyncio.create_task(hear(Broadcast("tests", (Counted.TYPE,), handle), ONE))


async def test_a_listener_that_is_told_to_end_does() -> None:
    began = asyncio.Event()

    async def handle(_: Envelope) -> None:
        began.set()
        await asyncio.sleep(60)

    hearing = asyncio.create_task(hear(Broadcast("tests", (Counted.TYPE,), handle), ONE))
    await began.wait()
    hearing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hearing
