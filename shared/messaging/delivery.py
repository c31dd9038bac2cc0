"""How both brokers call a subscriber."""

import asyncio

from shared.messaging.broker import Broadcast, Handle
from shared.messaging.event import Envelope
from shared.observability import context
from shared.observability.logging import get_logger

log = get_logger(__name__)

_LONGEST_PAUSE = 30.0


async def deliver(handle: Handle, envelope: Envelope) -> None:
    """Call `handle` under the request id and the trace of the event; needs a task of its own."""
    context.bind(context.accepted_request_id(envelope.request_id), envelope.traceparent)
    await handle(envelope)


async def hear(broadcast: Broadcast, envelope: Envelope) -> None:
    """Deliver to a listener; what it fails at is logged and lost, as a broadcast may be.

    Also where something that it waited for was cancelled, which nobody asked of this task: it would
    end, and with it all hearing.
    """
    try:
        await deliver(broadcast.handle, envelope)
    except (Exception, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        log.exception("broadcast_not_handled", broadcast=broadcast.name, type=envelope.type)


async def catch_up(broadcast: Broadcast) -> None:
    """Let a listener fetch what it missed, again and again until that succeeds."""
    pause = 0.5
    while broadcast.caught_up is not None:
        try:
            await broadcast.caught_up()
        except Exception:
            log.exception("broadcast_not_caught_up", broadcast=broadcast.name)
        else:
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
