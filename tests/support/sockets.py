"""WebSockets to a running suite, as a front end opens them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from tests.support.front_end import FrontEnd

JOB_ENDED = ("jobs.job.succeeded", "jobs.job.failed", "jobs.job.cancelled")
Event = dict[str, Any]


def socket(address: str, user: FrontEnd, last_event_id: str = "") -> connect:
    """A WebSocket as a browser opens it."""
    return connect(
        f"{address.replace('http', 'ws', 1)}/ws?last_event_id={last_event_id}",
        subprotocols=["madang", f"bearer.{user.session['access_token']}"],  # type: ignore[list-item]
        origin="https://app.example",  # type: ignore[arg-type]
        proxy=None,
    )


async def messages(opened: ClientConnection, seconds: float = 60) -> AsyncIterator[Event]:
    """What arrives, but `ready`."""
    async with asyncio.timeout(seconds):
        async for message in opened:
            decoded: Event = msgspec.json.decode(message)
            if decoded["type"] != "ready":
                yield decoded


async def until(opened: ClientConnection, *types: str) -> list[Event]:
    """All that arrives, up to the first message of one of `types`."""
    found = []
    async for message in messages(opened):
        found.append(message)
        if message["type"] in types:
            return found
    raise AssertionError(f"the connection ended before {types}: {found}")
